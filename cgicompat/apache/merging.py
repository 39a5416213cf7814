"""What sections say, and how they are laid over each other: later ones win, key by key."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    Values: TypeAlias = dict[str, Any]

# Where a directive may stand: in .htaccess and <Directory> by the class that AllowOverride names ...
AUTHCONFIG, LIMIT, FILEINFO, INDEXES, OPTIONS = 1, 2, 4, 8, 16
EVERY = AUTHCONFIG | LIMIT | FILEINFO | INDEXES | OPTIONS
# ... in the server's files outside of sections, or in their <Directory>, <Location> and <Files> alone.
SERVER, DIRECTORY = 32, 64

# Keys of which an inner section adds to the outer one's value: how. All others replace it.
ADDING: dict[str, Callable[[Any, Any], Any]] = {}


class TooLong(Exception):
    """A request has a text that is longer than an expression may be compared with; the message says which."""


class Part:
    """One section, or one .htaccess: the values that it sets, and its <Files> sections, which come after all
    that is said of directories. `mistake` says why it cannot be obeyed, to be answered by `status`."""

    __slots__ = ("files", "mistake", "status", "values")

    def __init__(self, mistake: str = "", status: int = 500) -> None:
        self.values: Values = {}
        self.files: list[tuple[Callable[[str], bool], Part]] = []
        self.mistake = mistake
        self.status = status


def merged(parts: Iterable[Part]) -> Values:
    """The values of parts, from the outermost to the innermost."""
    values: Values = {}
    for part in parts:
        for key, value in part.values.items():
            adding = ADDING.get(key) if key in values else None
            values[key] = adding(values[key], value) if adding else value
    return values


def with_files(parts: list[Part], name: str) -> list[Part]:
    """The parts, and those of their <Files> sections that are for a file of this name."""
    return [*parts, *(section for part in parts for matches, section in part.files if matches(name))]
