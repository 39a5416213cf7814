"""Run a file as `python FILE` does: as __main__, from the first line to what the interpreter does at its end.

Nothing here knows of HTTP, pools or runners. fds 0, 1, 2, the environment and the working directory are the
script's already.
"""

from __future__ import annotations

import _thread
import atexit
import gc
import io
import os
import stat
import sys
from _io import _IOBase  # not io.IOBase, whose issubclass() is slow
from importlib.machinery import ExtensionFileLoader, SourceFileLoader

from cgicompat import dependencies, stdio
from cgicompat.errorlog import log
from cgicompat.modules import CODE, LIBRARY, SearchPath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType, TracebackType
    from typing import Any
else:
    ModuleType = type(sys)  # without the cost of importing types

_FILES = (io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper)
_OURS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")


class Program:
    """One run of one script.

    `answer` makes the run write an error page of its own where the script failed and printed nothing;
    `debug` shows tracebacks in the page; `unbuffered` is Python's option -u.
    """

    def __init__(
        self,
        script: str,
        arguments: Sequence[str],
        *,
        answer: bool = False,
        debug: bool = False,
        unbuffered: bool = False,
    ):
        self.script = script
        self.arguments = arguments
        self.answer = answer
        self.debug = debug
        self.unbuffered = unbuffered or bool(os.environ.get("PYTHONUNBUFFERED"))
        self.status = 0
        self.failed = False
        self.http_status = 500  # what the failure is in terms of HTTP
        self.own_modules: set[str] = set()
        self.made_modules: list[str] = []  # put into sys.modules by hand
        self.extension = ""  # a module of the script's in C, whose variables nobody can reset
        self._shown = ""
        self._format: Callable[[BaseException], list[str]] | None = None
        if debug:  # before the script's directory is on sys.path
            from traceback import format_exception

            self._format = format_exception

    def run(self) -> None:
        """Run the script; `status` is its exit status, 0 to 255. Children that it forks do not come back."""
        process = os.getpid()
        stdio.STREAMS.renew(self.unbuffered)
        self.output = stdio.STREAMS.output
        self.main = main = _fresh_main(self.script)
        outer, sys.modules["__main__"] = sys.modules["__main__"], main
        self.before = before = dict(sys.modules)
        if "multiprocessing" in before:
            sys.modules["__mp_main__"] = main  # as its import does
        library, arguments = sys.path, sys.argv
        sys.argv = argv = [self.script, *self.arguments]
        # Some scripts may have a PYTHONPATH of their own.
        added = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        first = [] if sys.flags.safe_path else [_real_directory(self.script)]
        if not sys.flags.ignore_environment:
            first += [path for path in added if path not in library]
        sys.path = self.path = SearchPath(first)
        self.status = self._execute(main)
        self._end(main, before)
        self.path.changed = self.path.changed or sys.path is not self.path
        self.argv_changed = sys.argv is not argv or argv != [self.script, *self.arguments]
        sys.path, sys.argv = library, arguments
        sys.modules["__main__"] = outer
        if os.getpid() != process:  # a child that the script forked has come to the script's end
            os._exit(self.status)

    def _execute(self, main: ModuleType) -> int:
        try:
            exec(CODE.load(self.script, main=True), main.__dict__)
        except SystemExit as stop:
            return self._exit_status(stop)
        except BaseException as error:
            self._report(error)
            return 130 if isinstance(error, KeyboardInterrupt) else 1
        return 0

    def _exit_status(self, stop: SystemExit) -> int:
        """pythonrun.c, handle_system_exit."""
        if stop.code is None:
            return 0
        if isinstance(stop.code, int):
            self.failed = stop.code & 0xFF != 0
            return stop.code & 0xFF
        self.failed = True
        self._shown = f"{stop.code}\n"
        stdio.flush()
        _complain(self._shown)
        return 1

    def _report(self, error: BaseException) -> None:
        """pythonrun.c, PyErr_PrintEx."""
        self.failed = True
        self.http_status = getattr(error, "http_status", 500)  # 413 from our cgi module
        _strip(error)
        traceback = error.__traceback__
        sys.last_type, sys.last_value, sys.last_traceback = type(error), error, traceback
        if sys.version_info >= (3, 12):
            sys.last_exc = error
        if self._format:
            self._shown = "".join(self._format(error))
        try:
            sys.excepthook(type(error), error, traceback)
        except SystemExit:
            pass
        except BaseException as second:
            _strip(second)
            _complain("Error in sys.excepthook:\n")
            sys.__excepthook__(type(second), second, second.__traceback__)
            _complain("\nOriginal exception was:\n")
            sys.__excepthook__(type(error), error, traceback)
        if isinstance(error, ModuleNotFoundError) and (hint := dependencies.hint(error.name)):
            log(hint)

    def _end(self, main: ModuleType, before: dict[str, ModuleType]) -> None:
        """pylifecycle.c, Py_FinalizeEx, as far as a script can tell."""
        join_threads()
        try:
            atexit._run_exitfuncs()
        except BaseException as error:
            sys.excepthook(type(error), error, error.__traceback__)
        stdio.flush()
        # Before the garbage collector, which may close the buffer under a text file with text in it.
        flush_files()
        owned = list(self._dropped(main, before))
        _clear(main)
        for module in owned:
            _clear(module)
        owned.clear()
        for name in ("last_type", "last_value", "last_traceback", "last_exc"):
            sys.__dict__.pop(name, None)
        gc.collect()
        stdio.flush()

    def _dropped(self, main: ModuleType, before: dict[str, ModuleType]) -> Iterator[ModuleType]:
        """Take the script's modules out of sys.modules."""
        current = sys.modules
        current.pop("__mp_main__", None)
        if current == before:
            return
        new = [
            (name, module, isinstance(module, ModuleType) and not LIBRARY.is_persistent(module))
            for name, module in list(current.items())
            if before.get(name, self) is not module and module is not main and not LIBRARY.keeps(name, module)
        ]
        for name, module, own in new:
            del current[name]
            self.own_modules.add(name)
            if not own:
                self.made_modules.append(name)  # a library by another name, or something else
                continue
            if isinstance(getattr(module, "__loader__", None), ExtensionFileLoader):
                self.extension = name
            elif getattr(module, "__spec__", None) is None:
                self.made_modules.append(name)
            yield module

    def respond(self) -> None:
        """Write what the script's end adds to the response."""
        if not self.failed:
            return
        from cgicompat import pages

        begun = stdio.STREAMS.output.sent > 0
        if self.debug and self._shown:
            write(pages.traceback(self._shown, begun=begun))
        elif begun:
            return
        elif self.http_status == 413:
            write(pages.error(413, "The form that was sent is over a limit."))
        elif self.answer:
            write(pages.error(500, "The script failed; its error log says why."))


def join_threads() -> None:
    """Wait for the script's threads as threading._shutdown does, but in a way that can be done again."""
    threading: Any = sys.modules.get("threading")
    calls = getattr(threading, "_threading_atexits", ())
    if not (calls or _thread._count()) or not LIBRARY.is_persistent(threading):
        return
    for call in reversed(list(calls)):
        call()
    while waiting := [
        thread
        for thread in threading.enumerate()
        if not thread.daemon and thread is not threading.current_thread()
    ]:
        for thread in waiting:
            thread.join()


def flush_files() -> None:
    """Flush every file that is still open somewhere, for a process that ends without finalization."""
    # By type: isinstance() would ask an object for its __class__, which may be code of the script.
    for thing in [found for found in gc.get_objects() if issubclass(type(found), _IOBase)]:
        if issubclass(type(thing), _FILES):
            try:
                if not thing.closed:
                    thing.flush()
            except Exception:
                pass  # as at interpreter exit: nobody is left to tell
    stdio.STREAMS.flush()  # frozen, so unknown to gc


def _fresh_main(script: str) -> ModuleType:
    main = ModuleType("__main__")
    main.__dict__.update(
        __loader__=SourceFileLoader("__main__", script),
        __builtins__=sys.modules["builtins"],
        __file__=script,
    )
    if sys.version_info < (3, 15):
        main.__dict__["__cached__"] = None
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    return main


def _real_directory(script: str) -> str:
    """Where the script itself is, past all links (pathconfig.c, _PyPathConfig_ComputeSysPath0)."""
    if stat.S_ISLNK(os.lstat(script).st_mode):
        return os.path.dirname(os.path.realpath(script))
    directory = os.path.dirname(script)
    here = os.getcwd()
    if here != directory and not os.path.samefile(here, directory):
        return os.path.realpath(directory)
    return here


def _clear(module: ModuleType) -> None:
    """moduleobject.c, _PyModule_ClearDict: names with one underscore first."""
    namespace = module.__dict__
    for name in [name for name in namespace if name[:1] == "_" and name[1:2] != "_"]:
        namespace[name] = None
    for name in [name for name in namespace if name != "__builtins__"]:
        namespace[name] = None


def _strip(error: BaseException) -> None:
    """Take our frames, and the import system's below them, off the tracebacks of `error` and its causes."""
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        current.__traceback__ = _without_ours(current.__traceback__)
        pending += [current.__cause__, current.__context__]


def _without_ours(traceback: TracebackType | None) -> TracebackType | None:
    frames = []
    while traceback is not None:
        frames.append(traceback)
        traceback = traceback.tb_next
    kept: TracebackType | None = None
    importing = False
    for entry in reversed(frames):
        filename = entry.tb_frame.f_code.co_filename
        ours = filename.startswith(_OURS) and not filename.startswith(_OURS + "stdlib")
        importing = ours or (importing and filename.startswith("<frozen importlib"))
        if not importing:
            entry.tb_next = kept
            kept = entry
    return kept


def _complain(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except Exception:
        pass  # the script closed it


def write(data: bytes) -> None:
    """Write to the response past the script's own streams."""
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError:
        pass  # the client is gone


# A forked child must not print again what its parent has buffered.
os.register_at_fork(before=stdio.flush)
