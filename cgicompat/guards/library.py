"""Settings that modules of the standard library keep for the whole process.

Each row names a module, what reads its state and what writes it. A module that no script has imported yet has
nothing to put back; one that was imported during a run gets the state that it has when fresh.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Row = tuple[str, Callable[[Any], Any], Callable[[Any, Any], None], Any]


def _set_filters(warnings: Any, state: Any) -> None:
    warnings.filters[:] = state[0]
    warnings.showwarning, warnings.formatwarning = state[1:]
    warnings._filters_mutated() if hasattr(
        warnings, "_filters_mutated"
    ) else warnings._filters_mutated_lock_held()
    for registry in (getattr(module, "__warningregistry__", None) for module in list(sys.modules.values())):
        if registry:
            registry.clear()


def _set_decimal(decimal: Any, state: Any) -> None:
    current, default = state
    decimal.setcontext(current.copy())
    for name in ("prec", "rounding", "Emin", "Emax", "capitals", "clamp"):
        setattr(decimal.DefaultContext, name, getattr(default, name))
    decimal.DefaultContext.traps = default.traps
    decimal.DefaultContext.clear_flags()


def _fresh_decimal(decimal: Any) -> Any:
    fresh = decimal.Context(
        prec=28,
        rounding=decimal.ROUND_HALF_EVEN,
        Emin=-999999,
        Emax=999999,
        capitals=1,
        clamp=0,
        flags=[],
        traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
    )
    return fresh, fresh


def _attribute(*names: str) -> tuple[Callable[[Any], Any], Callable[[Any, Any], None]]:
    def get(module: Any) -> Any:
        return [getattr(module, name, None) for name in names]

    def put(module: Any, values: Any) -> None:
        for name, value in zip(names, values, strict=True):
            setattr(module, name, value)

    return get, put


_KEEP = object()  # no known fresh state: leave it as the first run left it

ROWS: tuple[Row, ...] = (
    (
        "warnings",
        lambda warnings: (list(warnings.filters), warnings.showwarning, warnings.formatwarning),
        _set_filters,
        _KEEP,
    ),
    ("decimal", lambda decimal: (decimal.getcontext().copy(), decimal.DefaultContext.copy()), _set_decimal, _fresh_decimal),
    ("socket", lambda socket: socket.getdefaulttimeout(), lambda socket, value: socket.setdefaulttimeout(value), None),
    ("tempfile", *_attribute("tempdir"), [None]),
    ("urllib.request", *_attribute("_opener"), [None]),
    ("mimetypes", *_attribute("inited", "_db"), [False, None]),
    ("linecache", lambda linecache: None, lambda linecache, _: linecache.clearcache(), None),
    ("asyncio", lambda asyncio: None, lambda asyncio, _: _reset_asyncio(), None),
    ("faulthandler", lambda module: module.is_enabled(), lambda module, value: _set_faulthandler(module, value), False),
    ("tracemalloc", lambda module: module.is_tracing(), lambda module, value: value or module.stop(), False),
)  # fmt: skip


def _reset_asyncio() -> None:
    import asyncio.events as events

    events._event_loop_policy = None  # type: ignore[attr-defined]
    events._set_running_loop(None)


def _set_faulthandler(module: Any, enabled: bool) -> None:
    module.cancel_dump_traceback_later()
    if module.is_enabled() != enabled:
        module.enable() if enabled else module.disable()


class Library:
    def save(self) -> None:
        self._saved = {name: get(sys.modules[name]) for name, get, _, _ in ROWS if name in sys.modules}

    def restore(self) -> str | None:
        for name, get, put, fresh in ROWS:
            module = sys.modules.get(name)
            if module is None:
                continue
            if name not in self._saved:
                state = get(module) if fresh is _KEEP else fresh
                self._saved[name] = state(module) if callable(state) else state
            put(module, self._saved[name])
        random = sys.modules.get("random")
        if random is not None:
            random.seed()
        return None
