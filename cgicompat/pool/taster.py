"""What an import does to its process, found out in a child of the master that then ends.

A library is preloaded if no script can tell: one that does not import it finds a process that has not, one
that does finds what its own import would have made. So nothing may have changed outside of the library's own
modules. The guards say what has changed; the audit's fingerprint and audit events, what they do not see.

A library may, on its own behalf, have loggers of its name, filters for its warnings, other names for its
modules, its types in registries (copyreg, abstract classes), and whatever fills caches.
"""

from __future__ import annotations

import atexit
import gc
import marshal
import os
import random
import signal
import sys
import time
import warnings

from cgicompat.guards import GUARDS, library, prepare
from cgicompat.guards.descriptors import Descriptors, is_harmless, open_descriptors
from cgicompat.guards.everything import Everything
from cgicompat.guards.exits import Exits, importing
from cgicompat.guards.hooks import find_registries
from cgicompat.guards.loggers import Loggers
from cgicompat.guards.memory import Memory
from cgicompat.guards.modules import Modules
from cgicompat.guards.streams import Streams
from cgicompat.guards.watch import WATCH
from cgicompat.modules import LIBRARY
from cgicompat.pool.verdicts import is_settled, look
from cgicompat.runners.here import set_environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from cgicompat.pool.rules import Rules

# Audit events of what goes beyond the process, and what to say of them.
_DEEDS = {
    "os.fork": "starts a child process",
    "os.forkpty": "starts a child process",
    "os.posix_spawn": "starts a child process",
    "os.spawn": "starts a child process",
    "os.system": "starts a child process",
    "subprocess.Popen": "starts a child process",
    "_thread.start_new_thread": "starts a thread",
    "os.exec": "executes another program",
    "os.kill": "sends a signal",
    "os.killpg": "sends a signal",
    "signal.pthread_kill": "sends a signal",
    "socket.connect": "uses the network",
    "socket.sendto": "uses the network",
    "syslog.syslog": "writes to the system's log",
    "os.chmod": "changes files",
    "os.chown": "changes files",
    "os.link": "changes files",
    "os.mkdir": "changes files",
    "os.remove": "changes files",
    "os.rename": "changes files",
    "os.rmdir": "changes files",
    "os.symlink": "changes files",
    "os.truncate": "changes files",
    "fcntl.flock": "locks files",
    "fcntl.lockf": "locks files",
    "sqlite3.connect": "opens a database",
    "sys.addaudithook": "adds an audit hook",
}
_LISTINGS = frozenset(("os.listdir", "os.scandir"))
_MODULES = (".py", ".pyc", ".so")
_NO_FILES = ("/proc/", "/sys/", "/dev/")
_MOST_FILES = 500
_SAID = 3  # reasons
_SHOWN = 200  # bytes of output
_CYTHON = ("cython_runtime", "_cython_")  # modules that all of Cython's share


def taste(names: list[str], rules: Rules) -> bytes:
    """Import modules in this process; what there is to say of it, for Tasting._decide()."""
    began = time.time()
    set_environ(rules.environ)
    sys.dont_write_bytecode = True
    before = set(sys.modules)
    witness = Witness()
    failed = {}
    with witness:
        for name in names:
            try:
                # From a file that is no library's, as a script does.
                exec(compile(f"import {name}", "/script", "exec"), {"__name__": "__main__"})
            except BaseException as error:
                failed[name] = f"{type(error).__name__}: {error}"
        witness.end()
    own = {
        name.partition(".")[0]
        for name in sys.modules.keys() - before
        if name.startswith(_CYTHON)
        or (LIBRARY.keeps(name, sys.modules[name]) and not LIBRARY.is_standard(name))
    }
    if sys.version_info < (3, 12):
        own |= _CHANGING_THEMSELVES
    reasons = list(rules.forbid(witness.variables, witness.whole))
    try:
        reasons += witness.reasons(own)
    except Exception as error:
        reasons.append(f"leaves what cannot be looked at: {type(error).__name__}: {error}")
    read = sorted(name.decode("utf-8", "surrogateescape") for name in witness.variables)
    specs = [getattr(sys.modules[name], "__spec__", None) for name in sys.modules.keys() - before]
    files = {spec.origin for spec in specs if spec is not None and spec.has_location and spec.origin}
    files |= witness.files | witness.directories.difference(sys.path)
    seen = {path: look(path) for path in sorted(files)}
    sure = witness.sees_all and is_settled(seen, began)
    return marshal.dumps((failed, list(dict.fromkeys(reasons))[:_SAID], own, read, seen, sure))


# Where Python 3.14 keeps annotations, once somebody has asked for them.
_EVALUATED = ("__annotate_func__", "__annotations_cache__")

# What requests and matplotlib have change itself, at their import. From Python 3.12 on it shows who has
# changed a library.
_CHANGING_THEMSELVES = {"certifi", "pyparsing"}


class _Recording(dict[bytes, bytes]):
    """The environment, for os.environ; `names` of it that were read, and whether it was as a `whole`."""

    def __init__(self, content: dict[bytes, bytes]) -> None:
        super().__init__(content)
        self.names: set[bytes] = set()
        self.whole = False

    def __getitem__(self, name: bytes, /) -> bytes:
        self.names.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object, /) -> bool:
        if isinstance(name, bytes):
            self.names.add(name)
        return super().__contains__(name)

    def __iter__(self) -> Iterator[bytes]:
        self.whole = True
        return super().__iter__()

    def items(self) -> Any:
        self.whole = True
        return super().items()

    def values(self) -> Any:
        self.whole = True
        return super().values()


class Witness:
    """Sees what happens within a `with` statement: which environment `variables`, `files` and `directories`
    are read, which functions the process is to call at its end, and all that changes."""

    def __init__(self) -> None:
        gc.unfreeze()  # for guards that look for the interpreter's own lists
        prepare()
        self.files: set[str] = set()
        self.directories: set[str] = set()
        self._exits: list[tuple[Callable[..., object], tuple[Any, ...], dict[str, Any]]] = []
        self._deeds: list[str] = []
        self._active = False
        left_out = (Exits, Descriptors, Streams, Memory)
        self._guards = [guard() for guard in GUARDS if guard not in left_out]
        self._everything = Everything()

    def __enter__(self) -> None:
        from cgicompat.pool.intake import unnamed_file

        self._output = unnamed_file("/tmp")
        for fd in (1, 2):
            os.dup2(self._output, fd)
        self._alarm = time.monotonic() + signal.alarm(0)  # by which our parent limits our time
        for guard in self._guards:
            guard.audit = True
            guard.save()
            guard.begin()
        self._descriptors = open_descriptors()
        self._threads = _tasks()
        self._facts = dict(_facts())
        self._hooks = [list(found) for found in find_registries().forks]
        self._finalizers = _finalizers()
        self._filters = list(warnings.filters)
        self._everything.save()
        sys.addaudithook(self._hook)
        self._registering, atexit.register = atexit.register, self._register
        environ: Any = os.environ
        self._environ = _Recording(environ._data)
        environ._data = os.environb._data = self._environ  # type: ignore[attr-defined]
        signal.alarm(max(1, int(self._alarm - time.monotonic())))
        WATCH.active = self._active = True

    def __exit__(self, *_: object) -> None:
        WATCH.active = self._active = False
        self.variables, self.whole = set(self._environ.names), self._environ.whole
        environ: Any = os.environ
        environ._data = os.environb._data = dict.copy(self._environ)  # type: ignore[attr-defined]
        if abs(time.monotonic() + signal.alarm(0) - self._alarm) > 2:
            self._deeds.append("sets an alarm")
        atexit.register = self._registering

    def _register(self, function: Any, /, *arguments: Any, **options: Any) -> Any:
        module = importing(sys._getframe(1))
        if not LIBRARY.is_standard(module or "builtins"):
            self._exits.append((function, arguments, options))
            return function
        return self._registering(function, *arguments, **options)

    def end(self) -> None:
        """Call what the libraries want to have called at the end of the process."""
        for function, arguments, options in reversed(self._exits):
            function(*arguments, **options)
        for finalizer in [each for each in _finalizers() if each.atexit and each not in self._finalizers]:
            finalizer()

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._active:
            return
        if event == "open":
            self._on_open(*arguments)
        elif event in _LISTINGS:
            self._on_listing(*arguments)
        elif event in _DEEDS and not (event == "os.mkdir" and os.path.isdir(arguments[0])):
            self._deeds.append(_DEEDS[event])

    def _on_open(self, path: object, mode: object, flags: object) -> None:
        if isinstance(path, int):
            return
        name = os.fsdecode(path)  # type: ignore[arg-type]
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and name != os.devnull:
            self._deeds.append(f"writes to {name}")
        elif not name.endswith(_MODULES) and not name.startswith(_NO_FILES) and len(self.files) < _MOST_FILES:
            self.files.add(os.path.abspath(name))

    def _on_listing(self, path: object) -> None:
        name = os.fsdecode(path or ".") if not isinstance(path, int) else "."  # type: ignore[arg-type]
        if not name.startswith(_NO_FILES) and len(self.directories) < _MOST_FILES:
            self.directories.add(os.path.abspath(name))

    @property
    def sees_all(self) -> bool:
        """Whether there are no more files and directories than are noted."""
        return len(self.files) < _MOST_FILES > len(self.directories)

    def reasons(self, own: set[str]) -> Iterator[str]:
        """Why not to preload what has been imported; `own` are the top packages that this has brought."""
        yield from self._deeds
        if self._has_threads():
            yield "starts a thread"
        left = open_descriptors() - self._descriptors
        if any(not is_harmless(fd) for fd in left):
            yield "leaves a file open"
        sys.stdout.flush()
        sys.stderr.flush()
        if output := os.pread(self._output, _SHOWN, 0).decode("utf-8", "replace"):
            yield f"writes output: {' '.join(output.split())!r}"
        changed = [name for name, value in _facts() if self._facts.get(name, value) != value]
        if changed:
            yield f"changes {', '.join(changed)}"
        for found, saved in zip(find_registries().forks, self._hooks, strict=True):
            if any(not _is_standard(hook) for hook in found if hook not in saved):
                yield "registers functions for os.fork()"
        self._remove_own_filters(own)
        library.accept(lambda name: name.partition(".")[0] in own)
        library.empty_caches()
        sys.modules.pop("__mp_main__", None)  # multiprocessing's name for the main module
        WATCH.forget(own)
        for guard in self._guards:
            if isinstance(guard, Loggers | Modules):
                guard.accept(own)
            for change in guard.restore():
                if not any(name in change.what for name in _EVALUATED):
                    yield f"has an effect: {change.what}"
        for what in self._everything.unexplained(own):
            yield f"changes {what}"

    def _remove_own_filters(self, own: Iterable[str]) -> None:
        """But those that were there before: of a package that is here already, without all of its modules."""
        filters: Any = warnings.filters
        filters[:] = [each for each in filters if each in self._filters or not _is_own_filter(each, own)]

    def _has_threads(self) -> bool:
        """Whether one runs that was not there before. Threads that a C library itself ends before a fork and
        begins anew when it needs them (OpenBLAS) do no harm; so a fork shows which these are."""
        if _tasks() > self._threads:
            pid = os.fork()
            if not pid:
                os._exit(0)
            os.waitpid(pid, 0)
        return _tasks() > self._threads


def _facts() -> Iterator[tuple[str, object]]:
    """What guards put back without looking, or renew in each run."""
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        settings = ("encoding", "errors", "line_buffering", "write_through", "closed")
        yield f"sys.{name}", (id(stream), *(getattr(stream, setting, None) for setting in settings))
    yield "the generator of random", random.getstate()
    modules: dict[str, Any] = sys.modules
    if "numpy.random" in modules:
        _, keys, position, *_ = modules["numpy.random"].get_state()
        yield "the generator of numpy.random", (keys.tobytes(), position)
        # A seed of its own takes the place of the one that it got when it was made.
        source = getattr(modules["numpy.random"].mtrand._rand, "_bit_generator", None)
        seeded = source is not None and getattr(source, "_seed_seq", source) is None
        yield "the seed of numpy.random", seeded
    else:
        yield "the seed of numpy.random", False
    if "decimal" in modules:
        yield "the decimal context", repr(modules["decimal"].getcontext())
    else:
        yield "the decimal context", _FRESH_CONTEXT
    yield "faulthandler", "faulthandler" in modules and modules["faulthandler"].is_enabled()
    calls = modules["threading"]._threading_atexits if "threading" in modules else ()
    yield "what is called before threads are joined", sum(not _is_standard(call) for call in calls)


_FRESH_CONTEXT = (
    "Context(prec=28, rounding=ROUND_HALF_EVEN, Emin=-999999, Emax=999999, capitals=1, clamp=0, flags=[], "
    "traps=[InvalidOperation, DivisionByZero, Overflow])"
)


def _finalizers() -> list[Any]:
    weakref: Any = sys.modules.get("weakref")
    return list(weakref.finalize._registry) if weakref else []


def _tasks() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        threading = sys.modules.get("threading")
        return threading.active_count() if threading else 1


def _is_standard(function: object) -> bool:
    function = getattr(function, "func", function)
    return LIBRARY.is_standard(getattr(function, "__module__", None) or "builtins")


def _is_own_filter(found: Any, own: Iterable[str]) -> bool:
    """Whether a filter is for warnings of these packages, by their names in a pattern; or for a category that
    a library has defined: requests has one for urllib3's."""
    _, message, category, module, _ = found
    patterns = [getattr(pattern, "pattern", pattern) or "" for pattern in (message, module)]
    return not LIBRARY.is_standard(category.__module__) or any(
        top in pattern for top in own for pattern in patterns
    )
