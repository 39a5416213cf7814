"""The lines of a configuration file as a tree of directives, by Apache's rules (server/config.c, util.c).

What Apache does while it reads is done here: conditions (IfModule, IfDefine, IfVersion), Define and ${NAME},
Include. All else is left to `directives`. Every file is limited, since whoever may write an .htaccess is not
always who runs the server.
"""

from __future__ import annotations

import glob
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

VERSION = (2, 4, 62)  # what IfVersion sees

LARGEST = 1024 * 1024  # bytes of a file
_MOST_FILES = 1000  # that one configuration includes
_DEEPEST = 20  # sections within sections, and includes
_VARIABLE = re.compile(r"\$\{([^}:]+)\}")
_OPERATORS = {"=": (0,), "==": (0,), "<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}


class Mistake(Exception):
    """A configuration that cannot be obeyed: the message names file, line and directive, and what to do.
    `line` is 0 where it is about a file as a whole."""

    def __init__(self, why: str, file: str = "", line: int = 0, name: str = "") -> None:
        super().__init__(f"{file}:{line}: {name}: {why}" if line else why)
        self.why = why
        self.file = file
        self.line = line
        self.name = name


class Directive:
    """One directive: its name as written, the text that follows, and what its section holds, if it is one."""

    __slots__ = ("children", "file", "line", "name", "text")

    def __init__(self, name: str, text: str, file: str, line: int, section: bool) -> None:
        self.name = name
        self.text = text
        self.file = file
        self.line = line
        self.children: list[Directive] | None = [] if section else None

    def mistake(self, why: str) -> Mistake:
        return Mistake(why, self.file, self.line, self.title)

    @property
    def title(self) -> str:
        return self.name if self.children is None else f"<{self.name}>"


class Reader:
    """Reads files of one configuration. `modules` are those that IfModule finds, `defines` are the names that
    IfDefine finds, with their values. Where files may not `include` others or define names, they are an
    .htaccess."""

    def __init__(self, modules: Container[str], defines: dict[str, str], include: bool = False) -> None:
        self.defines = defines
        self.files: list[str] = []  # that were read
        self._modules = modules
        self._include = include
        self.root = "/"  # ServerRoot

    def read(self, file: str, depth: int = 0) -> list[Directive]:
        """The tree of one file. Raises Mistake, and OSError where it cannot be read."""
        if len(self.files) >= _MOST_FILES or depth > _DEEPEST:
            raise Mistake(f"{file}: included too deep, or one file too many: there may be {_MOST_FILES}")
        self.files.append(file)
        if self._include and not depth:
            self.root = os.path.dirname(file)  # until ServerRoot says otherwise, as Debian's files rely on
        with open(file, "rb") as stream:
            data = stream.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise Mistake(f"{file}: larger than {LARGEST} bytes: split it, or set htaccess = false")
        top = Directive("", "", file, 0, True)
        open_ones = [top]
        skipped = 0  # sections in the one whose condition is not met
        for line, text in _lines(data.decode("utf-8", "surrogateescape")):
            name, rest = word(text, self.defines)
            entry = Directive(name.lstrip("<").rstrip(">"), rest, file, line, name[:1] == "<")
            if name[:2] == "</":
                entry.name = entry.name.lstrip("/")
                if skipped > 1:
                    skipped -= 1
                    continue
                skipped = 0
                opened = open_ones.pop()
                if opened is top or opened.name.lower() != entry.name.lower():
                    expected = "nothing is open" if opened is top else f"</{opened.name}> is expected"
                    raise entry.mistake(f"closed here, where {expected}")
                continue
            if skipped:
                skipped += name[:1] == "<"
                continue
            here = open_ones[-1]
            assert here.children is not None
            if entry.children is None:
                here.children += self._at_once(entry, depth)
                continue
            if len(open_ones) > _DEEPEST:
                raise entry.mistake(f"sections may be {_DEEPEST} deep")
            if not rest.endswith(">") and not name.endswith(">"):
                raise entry.mistake("the line has to end with >")
            entry.text = rest.removesuffix(">").rstrip()
            if (met := self._condition(entry)) is None:
                here.children.append(entry)
            elif met:
                entry.children = here.children  # as if it stood outside
            else:
                skipped = 1
            open_ones.append(entry)
        if len(open_ones) > 1:
            raise open_ones[-1].mistake("not closed")
        assert top.children is not None
        return top.children

    def _at_once(self, entry: Directive, depth: int) -> list[Directive]:
        """What a directive comes to that is obeyed while reading, or the directive."""
        if not self._include:
            return [entry]
        match entry.name.lower():
            case "define":
                name, value, *more = [*words(entry.text, self.defines), "", ""]
                if not name or ":" in name or any(more[1:]):
                    raise entry.mistake("takes a name and perhaps a value")
                self.defines[name] = value
            case "undefine":
                self.defines.pop(entry.text.strip(), None)
            case "serverroot":
                self.root = word(entry.text, self.defines)[0]
            case "include" | "includeoptional":
                found = []
                for file in self._matching(entry):
                    found += self.read(file, depth + 1)
                return found
            case _:
                return [entry]
        return []

    def _matching(self, entry: Directive) -> list[str]:
        """The files that an Include names, in order; of a directory all that is below."""
        pattern = os.path.join(self.root, word(entry.text, self.defines)[0])
        found: list[str] = []
        for path in sorted(glob.glob(pattern)):
            if os.path.isdir(path):
                for folder, _, names in sorted(os.walk(path)):
                    found += [os.path.join(folder, name) for name in sorted(names)]
            else:
                found.append(path)
        if not found and entry.name.lower() == "include":
            raise entry.mistake(f"there is no {pattern}: correct the path, or say IncludeOptional")
        return found

    def _condition(self, section: Directive) -> bool | None:
        """Whether a condition is met, None where the section is none."""
        kind = section.name.lower()
        if kind not in ("ifmodule", "ifdefine", "ifversion", "iffile"):
            return None
        wanted = words(section.text, self.defines)
        if kind == "ifversion":
            return _version(section, wanted)
        if len(wanted) != 1:
            raise section.mistake("takes one name")
        name = wanted[0].removeprefix("!")
        if kind == "ifmodule":
            met = module(name) in self._modules
        elif kind == "ifdefine":
            met = name in self.defines
        else:
            met = os.path.exists(os.path.join(self.root, name))
        return met != wanted[0].startswith("!")


def module(name: str) -> str:
    """A module's name as the table has it, of mod_x.c, x_module or x."""
    return name.lower().removesuffix(".c").removesuffix("_module").removeprefix("mod_")


def _version(section: Directive, wanted: list[str]) -> bool:
    operator, version = wanted if len(wanted) == 2 else ("=", *wanted) if len(wanted) == 1 else ("", "")
    negated = operator.startswith("!")
    try:
        parts = [int(part) for part in version.split(".")]
        asked = (*parts, 0, 0)[:3]
        met = (asked < VERSION) - (asked > VERSION) in _OPERATORS[operator.removeprefix("!") or "="]
    except (ValueError, KeyError):
        raise section.mistake("write it as <IfVersion >= 2.4>") from None
    return met != negated


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Number of the first line and text, continued lines joined, without comments and blank lines."""
    whole, first = "", 0
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        first = first or number
        line = line.removesuffix("\r")
        if line.endswith("\\") and number < len(lines):
            whole += line[:-1]
            continue
        whole = (whole + line).strip()
        if whole and whole[0] != "#":
            yield first, whole
        whole, first = "", 0


def word(text: str, defines: dict[str, str]) -> tuple[str, str]:
    """The first word, without its quotes and with ${NAME} replaced, and what follows (ap_getword_conf)."""
    text = text.lstrip()
    quote = text[:1] if text[:1] in ("'", '"') else ""
    found, position = "", len(quote)
    while position < len(text):
        character = text[position]
        if character == quote if quote else character.isspace():
            break
        if character == "\\" and text[position + 1 : position + 2] in ("\\", quote or "\\"):
            position += 1
        found += text[position]
        position += 1
    if "${" in found:
        found = _VARIABLE.sub(lambda match: defines.get(match[1], match[0]), found)
    return found, text[position + len(quote) :].lstrip()


def words(text: str, defines: dict[str, str]) -> list[str]:
    """All words of a text."""
    found = []
    while text:
        one, text = word(text, defines)
        found.append(one)
    return found
