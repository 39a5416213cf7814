"""What sections match: Apache's wildcards (apr_fnmatch) and regular expressions, as Python has them.

Perl's expressions are nearly Python's. Where they are not, we say so rather than match something else.
"""

from __future__ import annotations

import re

from .bounds import longest
from .merging import TooLong

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 1000  # characters of a pattern

_NAMED = re.compile(r"\[:(\^?\w+):\]")
_CLASSES = {  # POSIX's, as PCRE has them
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "space": r"\s",
    "upper": "A-Z",
    "word": r"\w",
    "xdigit": "0-9a-fA-F",
}

Matcher = "Callable[[str], bool]"


class Expression:
    """A regular expression, and the longest text that it may be compared with."""

    __slots__ = ("_longest", "_pattern", "_search", "_text", "groups")

    def __init__(self, text: str, pattern: str, flags: int, whole: bool = False) -> None:
        self._text = text
        self._pattern = re.compile(pattern, re.ASCII | flags)
        self._search = self._pattern.fullmatch if whole else self._pattern.search
        self._longest = longest(pattern, re.ASCII | flags)
        self.groups = self._pattern.groups

    def search(self, text: str) -> re.Match[str] | None:
        """The first match in a text. Raises TooLong."""
        if len(text) > self._longest:
            raise TooLong(f"{len(text)} characters: `{self._text}` takes {self._longest} at most")
        return self._search(text)

    def matches(self, text: str) -> bool:
        return self.search(text) is not None


def expression(pattern: str, flags: int = 0) -> Expression:
    """A regular expression. `$` is the end alone, and `.` any character, as Apache has them since 2.4.30.
    Raises ValueError."""
    if len(pattern) > LONGEST:
        raise ValueError(f"the expression may have {LONGEST} characters")
    translated, position, opened = "", 0, -1  # where the first character of a class is
    while position < len(pattern):
        character = pattern[position]
        if character == "\\":
            pair = pattern[position : position + 2]
            translated += r"\Z" if pair == r"\z" else r"(?=\n?\Z)" if pair == r"\Z" else pair
            position += 2
            continue
        if opened >= 0:
            named = _NAMED.match(pattern, position)
            if named:
                if named[1] not in _CLASSES:
                    raise ValueError(f"{named[0]} is not known here: write its characters")
                character, position = _CLASSES[named[1]], named.end() - 1
            elif character == "]" and position > opened:  # at first it is one of the characters
                opened = -1
            elif character in "[]":
                character = "\\" + character
        elif character == "[":
            opened = position + (2 if pattern.startswith("^", position + 1) else 1)
        elif character == "$":
            character = r"\Z"
        elif pattern.startswith("(?<", position) and pattern[position + 3 : position + 4] not in ("=", "!"):
            character, position = "(?P<", position + 2
        translated += character
        position += 1
    try:
        return Expression(pattern, translated, flags | re.DOTALL)
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"not a regular expression that is understood here: {error}") from None


def search(pattern: str) -> Callable[[str], bool]:
    """Whether an expression is found in a text. Raises ValueError."""
    return expression(pattern).matches


def wildcard(pattern: str, path: bool = True) -> Callable[[str], bool]:
    """Whether a text is like a pattern with ?, * and [] whole; in a `path` these stand for no slash."""
    if len(pattern) > LONGEST:
        raise ValueError(f"the pattern may have {LONGEST} characters")
    if not any(sign in pattern for sign in "*?[\\"):
        return pattern.__eq__
    some = "[^/]" if path else "."
    translated, position = "", 0
    while position < len(pattern):
        character = pattern[position]
        end = pattern.find("]", position + 2)
        if character == "[" and end > 0:
            inside = pattern[position + 1 : end].replace("\\", r"\\").replace("[", r"\[")
            negated = inside[:1] in ("!", "^")
            slash = "(?!/)" if path else ""
            translated += f"{slash}[{'^' * negated}{inside[negated:]}]"
            position = end
        elif character == "\\" and position + 1 < len(pattern):
            position += 1
            translated += re.escape(pattern[position])
        elif character == "*":
            translated = translated.removesuffix(some + "*") + some + "*"
        else:
            translated += some if character == "?" else re.escape(character)
        position += 1
    try:
        return Expression(pattern, rf"\A{translated}", re.DOTALL, whole=True).matches
    except re.error as error:
        raise ValueError(f"not a pattern: {error}") from None
