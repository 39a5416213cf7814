"""Settings that modules of the standard library keep for the whole process.

ROWS names them. A module that is not loaded has nothing to put back; one that a script imported first
gets what it has when fresh.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


class Attributes:
    """Plain attributes of a module, which are None when fresh unless `fresh` says otherwise."""

    def __init__(self, *names: str, **fresh: object):
        self._fresh = dict.fromkeys(names) | fresh

    def read(self, module: Any) -> Any:
        return {name: getattr(module, name, None) for name in self._fresh}

    def fresh(self, module: Any) -> Any:
        return self._fresh

    def write(self, module: Any, state: Any) -> None:
        for name, value in state.items():
            if getattr(module, name, self) is not value:
                setattr(module, name, value)


class Warnings:
    """Filters, and the registries that remember what was shown."""

    def read(self, warnings: Any) -> Any:
        return list(warnings.filters), warnings.showwarning, warnings.formatwarning

    fresh = read

    def write(self, warnings: Any, state: Any) -> None:
        filters, showwarning, formatwarning = state
        if warnings.filters != filters:
            warnings.filters[:] = filters
            mutated = getattr(warnings, "_filters_mutated", None) or warnings._filters_mutated_lock_held
            mutated()
        warnings.showwarning, warnings.formatwarning = showwarning, formatwarning
        warnings.onceregistry.clear()


class Decimal:
    """The thread's context, and the template of new ones."""

    _FIELDS = ("prec", "rounding", "Emin", "Emax", "capitals", "clamp")

    def read(self, decimal: Any) -> Any:
        return decimal.getcontext().copy(), decimal.DefaultContext.copy()

    def fresh(self, decimal: Any) -> Any:
        traps = [decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow]
        context = decimal.Context(28, decimal.ROUND_HALF_EVEN, -999999, 999999, 1, 0, [], traps)
        return context, context

    def write(self, decimal: Any, state: Any) -> None:
        current, default = state
        decimal.setcontext(current.copy())
        for name in self._FIELDS:
            setattr(decimal.DefaultContext, name, getattr(default, name))
        decimal.DefaultContext.traps = default.traps
        decimal.DefaultContext.clear_flags()


class SocketTimeout:
    """The default time-out of new sockets."""

    def read(self, socket: Any) -> Any:
        return socket.getdefaulttimeout()

    def fresh(self, socket: Any) -> Any:
        return None

    def write(self, socket: Any, state: Any) -> None:
        socket.setdefaulttimeout(state)


class Random:
    """A script that seeds the generator must not make the next one's numbers predictable."""

    def read(self, random: Any) -> Any:
        return None

    fresh = read

    def write(self, random: Any, state: Any) -> None:
        random.seed()


class SourceLines:
    """Source text that tracebacks have shown."""

    def read(self, linecache: Any) -> Any:
        return None

    fresh = read

    def write(self, linecache: Any, state: Any) -> None:
        linecache.clearcache()


class EventLoops:
    """The policy, and a loop that still counts as running."""

    def read(self, events: Any) -> Any:
        return None

    fresh = read

    def write(self, events: Any, state: Any) -> None:
        events._event_loop_policy = None
        events._set_running_loop(None)


class Faulthandler:
    """Dumps asked for: at a fault, or later."""

    def read(self, faulthandler: Any) -> Any:
        return faulthandler.is_enabled()

    def fresh(self, faulthandler: Any) -> Any:
        return False

    def write(self, faulthandler: Any, state: Any) -> None:
        faulthandler.cancel_dump_traceback_later()
        if faulthandler.is_enabled() and not state:
            faulthandler.disable()


class CgiLog:
    """The log file that cgi.log() opens, and what it was told."""

    def read(self, cgi: Any) -> Any:
        return None

    fresh = read

    def write(self, cgi: Any, state: Any) -> None:
        cgi.closelog()
        cgi.logfile, cgi.logfp, cgi.log, cgi.maxlen = "", None, cgi.initlog, 0


class Tracemalloc:
    """Tracing of memory, which slows everything down."""

    def read(self, tracemalloc: Any) -> Any:
        return None

    fresh = read

    def write(self, tracemalloc: Any, state: Any) -> None:
        tracemalloc.stop()


ROWS: tuple[tuple[str, Any], ...] = (
    ("warnings", Warnings()),
    ("decimal", Decimal()),
    ("socket", SocketTimeout()),
    ("random", Random()),
    ("tempfile", Attributes("tempdir")),
    ("urllib.request", Attributes("_opener")),
    ("mimetypes", Attributes("_db", inited=False)),
    ("linecache", SourceLines()),
    ("asyncio.events", EventLoops()),
    ("cgi", CgiLog()),
    ("faulthandler", Faulthandler()),
    ("tracemalloc", Tracemalloc()),
)


class Library:
    def save(self) -> None:
        self._saved = {name: row.read(module) for name, row, module in _loaded()}

    def restore(self) -> str | None:
        for name, row, module in _loaded():
            if name not in self._saved:
                self._saved[name] = row.fresh(module)
            row.write(module, self._saved[name])
        return None


def _loaded() -> Iterable[tuple[str, Any, Any]]:
    modules = sys.modules
    return ((name, row, modules[name]) for name, row in ROWS if name in modules)
