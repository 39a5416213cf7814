"""A script's own modules: imported afresh in each run, from cached code.

Modules fall into two kinds. Those that the interpreter finds without any script (standard library,
site-packages) are persistent: they are imported once in a process and stay. All others are the script's:
a path hook gives them a loader that takes their code from a cache, and they are dropped after the run.

A file beside the script may have the name of a persistent module (`http.py`). Plain CGI imports the file, in
the script and in every library that it imports; so the persistent module, and all that was built upon it,
are hidden from such a run.
"""

from __future__ import annotations

import builtins
import os
import sys
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)

from cgicompat import dependencies, stdlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import CodeType, ModuleType
    from typing import Any, Self, SupportsIndex

    _Signature = tuple[int, ...]
else:
    ModuleType = type(sys)  # without the cost of importing types

_STANDARD = os.path.dirname(os.__file__)
_PACKAGE = os.path.dirname(os.path.abspath(__file__))


def signature(stat: os.stat_result) -> _Signature:
    """What differs whenever a file was edited, replaced or restored."""
    return (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino, stat.st_dev)


def name_of(module: ModuleType) -> str:
    """The name under which it was imported; __name__ may be another (_decimal)."""
    spec = module.__spec__
    name: str = module.__name__ if spec is None else spec.name
    return name


# Names of what runs code that is in no file, or not by CODE.
INDIRECT = frozenset(
    ("exec", "eval", "execfile", "builtins", "__builtins__", "runpy", "run_path", "run_module", "exec_module")
    + ("load_module", "load_source", "FunctionType", "interact", "timeit", "runctx", "marshal")
)


# Who names none of these has not changed what takes longer to look at: what the kernel keeps for a process.
RARE = frozenset(
    ("setgroups", "initgroups", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "chroot")
    + ("unshare", "setns", "setsid", "prlimit", "prctl", "syscall", "ctypes", "CDLL", "cffi", "/proc")
    + ("SIGCHLD", "signal", "setrlimit", "F_SETFL", "F_SETFD", "set_blocking", "set_inheritable")
)


def with_inner(code: CodeType) -> list[CodeType]:
    """The code of a file, and that of all functions and classes in it."""
    found = [code]
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            found += with_inner(constant)
    return found


def names_in(file: CodeType) -> frozenset[str]:
    """The names in the code of a file; "/proc" if one of its texts has that."""
    found: set[str] = set()
    for code in with_inner(file):
        found.update(code.co_names)
        if any(isinstance(constant, str) and "/proc" in constant for constant in code.co_consts):
            found.add("/proc")
    return frozenset(found)


class Source:
    """A source file's code, of what the compiler warned: (category, text, line), the names that it uses, and
    whether there are among these ways to run other code."""

    __slots__ = ("code", "indirect", "names", "signature", "warnings")

    def __init__(self, signature: _Signature, code: CodeType, warnings: list[tuple[str, str, int]]):
        self.signature = signature
        self.code = code
        self.warnings = warnings
        self.names = names_in(code)
        self.indirect = not self.names.isdisjoint(INDIRECT)


class CodeCache:
    """Compiled source files, in memory.

    `__pycache__` will not do: it takes two edits of one size within a second for one (importlib's
    path_stats has whole seconds), and script directories are seldom writable for the server. Nor will files
    of our own, which a script could write too. Processes that end after a request are born with the code: see
    pool.learning.
    """

    def __init__(self) -> None:
        self._warnings: Any = None  # the module, a file beside a script may have its name
        self.used: list[Source] = []  # in this run; whoever wants to know clears it
        self.on_indirect: Callable[[], None] = lambda: None
        self.missed: list[str] = []  # files whose code was not in memory; likewise
        self._memory: dict[str, Source] = {}

    def keep(self) -> None:
        """From now on a file may run twice, here or in what is forked: keep warnings with its code."""
        import warnings

        self._warnings = warnings

    def load(self, filename: str, main: bool = False) -> CodeType:
        """Code of a source file as it is now. Raises OSError, SyntaxError, ValueError.

        As with Python, the compiler's warnings show in each run of the file as `main`; those of a module show
        when it is compiled.
        """
        current = signature(os.stat(filename))
        known = self._memory.get(filename)
        if known is None or known.signature != current:
            known, main = self.compile(filename), True
            self._memory[filename] = known
            self.missed.append(filename)
        self.used.append(known)
        if known.indirect:
            self.on_indirect()
        if main and known.warnings:
            _warn(self._warnings, filename, known)
        return known.code

    def uses(self, names: frozenset[str]) -> bool:
        """Whether the files of this run name one of these."""
        return any(not names.isdisjoint(source.names) for source in self.used)

    def knows(self, filename: str) -> bool:
        """Whether it has the code of the file as it is now. Raises OSError."""
        known = self._memory.get(filename)
        return known is not None and known.signature == signature(os.stat(filename))

    def compile(self, filename: str) -> Source:
        """What the file has now. Raises OSError, SyntaxError, ValueError."""
        with open(filename, "rb") as file:
            before = signature(os.fstat(file.fileno()))
            source = file.read()
        if not self._warnings:
            return Source(before, compile(source, filename, "exec", dont_inherit=True), [])
        return Source(before, *_compile_quietly(self._warnings, source, filename))

    def forget(self, filename: str) -> None:
        """Have no code of the file, and no word of it."""
        self._memory.pop(filename, None)
        self.used.clear()
        self.missed.clear()

    def put(self, filename: str, source: Source) -> None:
        """Have what another process has compiled."""
        self._memory[filename] = source


def _compile_quietly(
    warnings: Any, source: bytes, filename: str
) -> tuple[CodeType, list[tuple[str, str, int]]]:
    """The code, and of what the compiler would have warned."""
    # By itself it would look in sys.modules, where a script's helper may have that name.
    with warnings.catch_warnings(record=True, module=warnings) as warned:
        warnings.simplefilter("always")
        code = compile(source, filename, "exec", dont_inherit=True)
    return code, [(each.category.__name__, str(each.message), each.lineno) for each in warned]


def _warn(warnings: Any, filename: str, source: Source) -> None:
    """Warn as the compiler does. Raises SyntaxError where the filters say that a warning is an error."""
    for name, text, line in source.warnings:
        category = getattr(builtins, name)
        try:
            warnings.warn_explicit(text, category, filename, line)
        except category:
            raise SyntaxError(text, (filename, line, None, None)) from None


CODE = CodeCache()


class ScriptLoader(SourceFileLoader):
    """Loads a module of the script's from CODE."""

    def get_code(self, fullname: str) -> CodeType | None:
        return CODE.load(self.path)


# Loaders of persistent modules: they tell when one has run, and no script can have touched it yet.


class _SourceLoader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        LIBRARY.on_import(module)


class _SourcelessLoader(SourcelessFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        LIBRARY.on_import(module)


class _ExtensionLoader(ExtensionFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        LIBRARY.on_import(module)


class Library:
    """What is persistent in this process.

    `bare` names the modules of a Python that has imported nothing yet, and those that are built into it: a
    script's file cannot shadow these.
    """

    def __init__(self) -> None:
        self.on_import: Callable[[ModuleType], None] = lambda module: None
        self.bare: frozenset[str] = frozenset()
        self._persistent: tuple[str, ...] = ()
        self._sites: frozenset[str] = frozenset()
        self._roots: tuple[str, ...] = ()
        self._names: dict[str, tuple[_Signature, frozenset[str]]] = {}

    def configure(self, bare: Iterable[str], path: Iterable[str], roots: Iterable[str]) -> None:
        """Install the import hooks. `path` is sys.path without any script, `roots` are script directories."""
        path = list(path)
        self.bare = frozenset(bare).union(sys.builtin_module_names)
        self._persistent = tuple(os.path.join(entry, "") for entry in (*path, _PACKAGE) if entry)
        self._sites = frozenset(entry for entry in path if entry.endswith("-packages"))
        self._roots = tuple(os.path.join(root, "") for root in roots)
        if self._hook not in sys.path_hooks:
            sys.path_hooks.insert(0, self._hook)
            stdlib.FINDER.load = _SourceLoader
            stdlib.install()
            compile("", "", "exec")  # makes 124 types once: now, before they can be frozen and shared
        sys.path_importer_cache.clear()

    def _hook(self, path: str) -> FileFinder:
        if not os.path.isdir(path):
            raise ImportError("not a directory", path=path)
        if self.is_persistent_path(os.path.abspath(path)):
            kind = dependencies.Finder if path in self._sites else FileFinder
            return kind(
                path,
                (_ExtensionLoader, EXTENSION_SUFFIXES),
                (_SourceLoader, SOURCE_SUFFIXES),
                (_SourcelessLoader, BYTECODE_SUFFIXES),
            )
        return FileFinder(
            path,
            (ExtensionFileLoader, EXTENSION_SUFFIXES),
            (ScriptLoader, SOURCE_SUFFIXES),
            (SourcelessFileLoader, BYTECODE_SUFFIXES),
        )

    def is_persistent_path(self, path: str) -> bool:
        """The innermost of the directories around `path` decides: a virtual environment may lie in a root."""
        path = os.path.join(path, "")
        library = max((len(entry) for entry in self._persistent if path.startswith(entry)), default=0)
        root = max((len(entry) for entry in self._roots if path.startswith(entry)), default=0)
        return library > root

    def is_persistent(self, module: ModuleType) -> bool:
        spec = getattr(module, "__spec__", None)
        if spec is None:
            parent = sys.modules.get(getattr(module, "__name__", "").rpartition(".")[0])
            return parent is not None and parent is not module and self.is_persistent(parent)
        if spec.origin in ("built-in", "frozen"):
            return True
        if spec.has_location and spec.origin:
            return self.is_persistent_path(spec.origin)
        locations = spec.submodule_search_locations
        if locations is not None:
            try:
                return all(self.is_persistent_path(str(location)) for location in locations)
            except (
                KeyError,
                ImportError,
            ):  # a namespace package looks for its parent, which the script took away
                return False
        return spec.loader is not None and spec.name.partition(".")[0] in self.bare

    def is_standard(self, name: str) -> bool:
        """Whether a module of that name is of the standard library, or was until it left."""
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in stdlib.MODULES or top.startswith("_sysconfigdata_"):
            return True
        # Distributions add to it (Debian: _missing_stdlib_info).
        spec = getattr(sys.modules.get(top), "__spec__", None)
        return spec is not None and os.path.dirname(spec.origin or "") == _STANDARD

    def keeps(self, name: str, module: object) -> bool:
        """Whether sys.modules[name] stays after a run: a persistent module, or what one has put there as a
        part of itself (typing.io, xml.parsers.expat.errors)."""
        if isinstance(module, ModuleType) and name_of(module) == name:
            return self.is_persistent(module)
        parent, _, last = name.rpartition(".")
        holder = sys.modules.get(parent)
        return holder is not None and getattr(holder, last, None) is module and self.is_persistent(holder)

    def made(self, function: object) -> bool:
        """Whether a function is from a persistent module."""
        function = getattr(function, "func", function)  # functools.partial
        name = getattr(function, "__module__", None)
        if name is None:  # a method of a cache, which has the module of its function
            name = getattr(getattr(function, "__self__", None), "__dict__", {}).get("__module__")
        module = sys.modules.get(name or "")
        return module is not None and self.is_persistent(module)

    def names_in(self, directory: str) -> frozenset[str]:
        """Names of modules that an import finds in `directory`, but for those that no file can shadow."""
        try:
            changed = signature(os.stat(directory))
        except OSError:
            return frozenset()
        known = self._names.get(directory)
        if known is None or known[0] != changed:
            try:
                names = frozenset(_module_names(directory)) - self.bare
            except OSError:
                names = frozenset()
            known = self._names[directory] = changed, names
        return known[1]

    def hide(self, directory: str) -> bool:
        """Take out of sys.modules what a script must not find there if it looks for modules in `directory`
        before it does elsewhere; whether there was any."""
        hidden = self.shadowed_by(directory)
        for name in hidden:
            del sys.modules[name]
        return bool(hidden)

    def shadowed_by(self, directory: str) -> set[str]:
        """Loaded persistent modules that a run in `directory` must not see."""
        names = self.names_in(directory)
        tops = (
            {name for name in names if name in sys.modules} if len(names) < 200 else {*names} & {*sys.modules}
        )
        tops = {name for name in tops if self.is_persistent(sys.modules[name])}  # not a helper of the script
        if not tops:
            return set()
        while True:
            hidden = {name for name in sys.modules if name.partition(".")[0] in tops}
            more = {
                name.partition(".")[0]
                for name, module in list(sys.modules.items())
                if name not in hidden
                and name not in self.bare
                and _builds_upon(module, hidden)
                and self.is_persistent(module)
            } - {"cgicompat"}
            if more <= tops:
                return hidden
            tops |= more


def _module_names(directory: str) -> Iterator[str]:
    suffixes = (*EXTENSION_SUFFIXES, *SOURCE_SUFFIXES, *BYTECODE_SUFFIXES)
    with os.scandir(directory) as entries:
        for entry in entries:
            for suffix in suffixes:
                if entry.name.endswith(suffix):
                    yield entry.name.removesuffix(suffix)
            if entry.is_dir() and os.path.isfile(os.path.join(entry.path, "__init__.py")):
                yield entry.name


def _builds_upon(module: ModuleType, names: set[str]) -> bool:
    for value in list(getattr(module, "__dict__", {}).values()):
        origin = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(origin, str) and origin in names:
            return True
    return False


LIBRARY = Library()


class SearchPath(list[str]):
    """sys.path of one run. A directory that the script puts before the library hides modules as its own
    directory does, and from that moment on."""

    def __init__(self, first: Iterable[str]) -> None:
        super().__init__([*first, *sys.path])
        self._library = sys.path[0] if sys.path else None
        self.hid = self.changed = False
        for directory in first:
            self.hid |= LIBRARY.hide(directory)

    def _look(self) -> None:
        self.changed = True
        for directory in self:
            if directory == self._library:
                break
            if isinstance(directory, str):
                self.hid |= LIBRARY.hide(directory or ".")

    def insert(self, index: SupportsIndex, item: str, /) -> None:
        super().insert(index, item)
        self._look()

    def append(self, item: str, /) -> None:
        super().append(item)
        self._look()

    def extend(self, items: Iterable[str], /) -> None:
        super().extend(items)
        self._look()

    def __setitem__(self, index: Any, value: Any, /) -> None:
        super().__setitem__(index, value)
        self._look()

    def __iadd__(self, items: Iterable[str], /) -> Self:  # type: ignore[misc,override]
        super().__iadd__(items)
        self._look()
        return self
