"""Which modules a Python script imports that are not there, found by reading it and those beside it.

What a script does to sys.path is followed as far as it can be read: text, __file__, os.path's functions.
Where it cannot, what is missing may yet be found. An import that a `try` expects to fail is missed later, if
nothing stands in for it, and one in an `if` that asks for another version of Python is not.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec, PathFinder
from types import SimpleNamespace

from cgicompat import dependencies, stdlib
from cgicompat.config import Settings

from .gone import left, remedy

_MOST_FILES = 200  # that are read for one script
_FAILING = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException", "StandardError"}
_SAFE = (
    ast.Expression,
    ast.Compare,
    ast.BoolOp,
    ast.boolop,
    ast.cmpop,
    ast.UnaryOp,
    ast.unaryop,
    ast.Name,
    ast.Load,
    ast.Attribute,
    ast.Subscript,
    ast.Slice,
    ast.Constant,
    ast.Tuple,
)

_FACTS = {"version_info", "major", "minor", "platform"}

Parsed = Callable[[str], tuple[ast.Module | None, str]]


@dataclass
class Lacks:
    """What a script lacks: `now`, as soon as it runs, and perhaps `later`."""

    now: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)


def lacks(filename: str, tree: ast.Module, settings: Settings, parsed: Parsed) -> Lacks:
    """What the script `filename` imports that is not there; `parsed` reads further files."""
    reader = _Reader(filename, settings, parsed)
    reader.read(filename, tree, False)
    return Lacks(list(dict.fromkeys(reader.found.now)), list(dict.fromkeys(reader.found.later)))


class _Reader:
    def __init__(self, script: str, settings: Settings, parsed: Parsed) -> None:
        variables = settings.for_script(script).env
        given = variables.get("PYTHONPATH", "").split(":")
        self.found = Lacks()
        self._script = script
        self._folder = os.path.dirname(script)
        self._own = [self._folder, *filter(None, given)]  # where its modules are read, too
        self._parsed = parsed
        self._read = {os.path.realpath(script)}
        self._certain = True  # sys.path is known
        self._hidden = dependencies.hidden() if settings.hide_dependencies else frozenset()

    def read(self, file: str, tree: ast.Module, late: bool) -> None:
        """Adds what is missed by a file; `late` says that it is not imported at once."""
        self._follow_path(file, tree)
        for name, line, here in self._imports(tree.body, late):
            self._look(file, name, line, here)

    def _look(self, file: str, name: str, line: int, late: bool) -> None:
        where = "" if file == self._script else os.path.relpath(file, self._folder) + ", "
        where += f"line {line}"
        whole, top = name, name.partition(".")[0]
        spec = self._spec(top)
        if left(whole):
            reason = remedy(whole)
        elif spec is None:
            reason = remedy(top)
            name = top
        elif spec.origin in self._hidden:
            reason = f"which is there for cgicompat alone: pip install --force-reinstall {top}"
            name = top
        else:
            self._descend(spec, whole, late, where)
            return
        text = f"{where} imports {name}, {reason}"
        if not self._certain:
            text += " (unless a directory that it puts on sys.path has it)"
        (self.found.later if late or not self._certain else self.found.now).append(text)

    def _descend(self, spec: ModuleSpec, name: str, late: bool, where: str) -> None:
        """Reads the script's own modules that an import of `name` runs."""
        parts = name.split(".")[1:]
        found: ModuleSpec | None = spec
        while found is not None:
            if not self._is_own(found):
                return
            origin = found.origin or ""
            if origin.endswith(".py") and os.path.realpath(origin) not in self._read:
                if len(self._read) >= _MOST_FILES:
                    return
                self._read.add(os.path.realpath(origin))
                try:
                    tree, problem = self._parsed(origin)
                except OSError as error:
                    tree, problem = None, f"cannot be read: {error.strerror}"
                if tree:
                    self.read(origin, tree, late)
                else:
                    text = f"{where} imports {os.path.relpath(origin, self._folder)}: {problem}"
                    (self.found.later if late else self.found.now).append(text)
            places = found.submodule_search_locations
            found = PathFinder.find_spec(parts.pop(0), list(places)) if parts and places else None

    def _is_own(self, spec: ModuleSpec) -> bool:
        places = [spec.origin] if spec.has_location else list(spec.submodule_search_locations or ())
        return any(str(place).startswith(folder + "/") for place in places for folder in self._own)

    def _spec(self, name: str) -> ModuleSpec | None:
        if name in stdlib.MODULES or name in sys.builtin_module_names:
            return ModuleSpec(name, None)
        here = {"", os.getcwd(), os.path.dirname(os.path.abspath(sys.argv[0] or "."))}
        path = [*self._own, *(entry for entry in sys.path if entry not in here)]
        finders = [finder for finder in sys.meta_path if finder is not PathFinder]
        try:
            found = PathFinder.find_spec(name, path)
            for finder in finders:
                found = found or finder.find_spec(name, None)
        except Exception:  # a finder of somebody else's
            return None
        return found

    def _imports(self, body: Iterable[ast.stmt], late: bool) -> Iterator[tuple[str, int, bool]]:
        """Dotted name and line of each import that has to be met, and whether it comes late, if ever."""
        for one in body:
            match one:
                case ast.Import():
                    yield from ((alias.name, one.lineno, late) for alias in one.names)
                case ast.ImportFrom(module=str(module), level=0):
                    yield module, one.lineno, late
                    dotted = [f"{module}.{alias.name}" for alias in one.names]
                    yield from ((name, one.lineno, late) for name in dotted if left(name))
                    for name in dotted:  # a module of its own, perhaps
                        if (spec := self._spec(module.partition(".")[0])) and self._is_own(spec):
                            yield name, one.lineno, late
                case ast.Try() if any(_expects(handler) for handler in one.handlers):
                    tried = list(self._imports(one.body, late))
                    missed = [each for each in tried if self._missing(each[0])]
                    if missed:
                        expecting = [handler for handler in one.handlers if _expects(handler)]
                        others = list(self._imports(expecting[0].body, late))
                        yield from others or ((name, line, True) for name, line, _ in missed)
                    else:
                        yield from tried
                        yield from self._imports(one.orelse, late)
                    yield from self._imports(one.finalbody, late)
                case ast.If():
                    known = _asks_version(one.test)
                    if known is not False:
                        yield from self._imports(one.body, late or (known is None and not _is_main(one.test)))
                    if known is not True:
                        yield from self._imports(one.orelse, late or known is None)
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    yield from self._imports(one.body, True)
                case _:
                    for name in ("body", "handlers", "orelse", "finalbody"):
                        inner = getattr(one, name, [])
                        for part in inner if isinstance(inner, list) else ():
                            block = part.body if isinstance(part, ast.ExceptHandler) else [part]
                            yield from self._imports(block, late or isinstance(part, ast.ExceptHandler))

    def _missing(self, name: str) -> bool:
        spec = self._spec(name.partition(".")[0])
        return left(name) or spec is None or spec.origin in self._hidden

    def _follow_path(self, file: str, tree: ast.Module) -> None:
        """Takes in what a file puts on sys.path."""
        names: dict[str, str] = {"__file__": file}
        for one in ast.walk(tree):
            match one:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    if (text := self._text(value, names)) is not None:
                        names[name] = text
                case ast.Call(func=ast.Attribute(value=target, attr="insert" | "append" | "extend")):
                    if ast.unparse(target) == "sys.path":
                        self._add(one.args[-1:], names)
                case ast.Call(func=ast.Attribute(attr="addsitedir")):
                    self._add(one.args[:1], names)
                case ast.Assign(targets=[target]) | ast.AugAssign(target=target):
                    if ast.unparse(target).startswith("sys.path"):
                        self._add([one.value], names)

    def _add(self, values: list[ast.expr], names: dict[str, str]) -> None:
        for value in values:
            if isinstance(value, ast.BinOp):
                self._add([value.left, value.right], names)
            elif isinstance(value, ast.List | ast.Tuple):
                self._add(value.elts, names)
            elif (text := self._text(value, names)) is not None:
                self._own.append(os.path.normpath(os.path.join(self._folder, text)))
            elif ast.unparse(value) != "sys.path":
                self._certain = False

    def _text(self, value: ast.expr, names: dict[str, str]) -> str | None:
        """The text that an expression of paths comes to, if that can be read."""
        match value:
            case ast.Constant(value=str(text)):
                return text
            case ast.Name(id=name):
                return names.get(name)
            case ast.BinOp(left=one, op=ast.Add(), right=other):
                parts = [self._text(one, names), self._text(other, names)]
                return None if None in parts else "".join(filter(None, parts))
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="sys"), attr="argv" | "path")):
                return self._script if ast.unparse(value) == "sys.argv[0]" else None
            case ast.Call(func=ast.Attribute(attr=name), args=args, keywords=[]):
                given = [self._text(one, names) for one in args]
                texts = [text for text in given if text is not None]
                if len(texts) < len(given):
                    return None
                match name, texts:
                    case "getcwd", []:
                        return self._folder
                    case "abspath" | "realpath" | "normpath", [path]:
                        return os.path.normpath(os.path.join(self._folder, path))
                    case "dirname", [path]:
                        return os.path.dirname(path)
                    case "join", [path, *more]:
                        return os.path.join(path, *more)
        return None


def _expects(handler: ast.ExceptHandler) -> bool:
    """Is this for an import that fails, too?"""
    kind = handler.type
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind] if kind else []
    return kind is None or any(ast.unparse(one).rpartition(".")[2] in _FAILING for one in kinds)


def _is_main(test: ast.expr) -> bool:
    return ast.unparse(test) in ("__name__ == '__main__'", "'__main__' == __name__")


def _asks_version(test: ast.expr) -> bool | None:
    """What a test of Python's version or platform says here, None where it is another one."""
    if ast.unparse(test).rpartition(".")[2] == "TYPE_CHECKING":
        return False
    for one in ast.walk(test):
        known = not isinstance(one, ast.Name) or one.id == "sys"
        fine = not isinstance(one, ast.Attribute) or one.attr in _FACTS
        if not (known and fine and isinstance(one, _SAFE)):
            return None
    facts = SimpleNamespace(version_info=sys.version_info, platform=sys.platform)
    try:
        return bool(eval(compile(ast.Expression(test), "", "eval"), {"__builtins__": {}, "sys": facts}))
    except Exception:
        return None
