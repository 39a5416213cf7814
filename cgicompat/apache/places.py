"""Where files lie that are outside of the served directory: Alias (mod_alias) and UserDir (mod_userdir).

An Alias is for a path and what is below. One for an expression, or for users, finds a directory and the rest
of a file's name for each URL.
"""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_USER = re.compile(r"/~([^/]+)(?:/(.*))?", re.DOTALL)


class Alias:
    """`said` is its URL path, or what it is for; all files at `target` (absolute) are scripts with `scripts`.
    `key` tells aliases apart. UserDir comes `last`. With `find`, which tells directory and rest of a URL
    path, decoded, or nothing, `target` is the directory or file that all it finds are below, unless `owner`
    tells the directory that one is in."""

    __slots__ = ("find", "key", "last", "owner", "said", "scripts", "target")

    def __init__(
        self,
        said: str,
        target: str,
        scripts: bool,
        find: Callable[[str], tuple[str, str] | None] | None = None,
        owner: Callable[[str], str] | None = None,
        key: tuple[object, ...] = (),
    ) -> None:
        self.said = said
        self.target = target
        self.scripts = scripts
        self.find = find
        self.owner = owner
        self.last = owner is not None
        self.key = (said, target, scripts, *key)


class Users:
    """What all UserDir of a server say: who is `enabled` or not, and where a user's directory is."""

    def __init__(self) -> None:
        self.everybody = True
        self.enabled: set[str] = set()
        self.disabled: set[str] = set()
        self.places: tuple[str, ...] = ()

    def find(self, url: str) -> tuple[str, str] | None:
        """translate_userdir"""
        match = _USER.fullmatch(url)
        name = match[1] if match else ""
        if not name or name in (".", "..") or name in self.disabled:
            return None
        if not (self.everybody or name in self.enabled):
            return None
        for place in self.places:
            if os.path.isdir(folder := _home(place, name)):
                return folder, (match and match[2]) or ""
        return None

    def owner(self, file: str) -> str:
        """The directory of a user that a file lies in, "" where it lies in none."""
        for place in self.places:
            before, star, after = place.partition("*")
            pattern = f"{re.escape(before)}[^/]+{re.escape(after)}" if star else rf".*?/{re.escape(place)}"
            if match := re.match(pattern + r"(?=/)", file):
                return match[0]
        return ""


def _home(place: str, name: str) -> str:
    if "*" in place:
        return place.replace("*", name, 1)
    import pwd

    try:
        return os.path.join(pwd.getpwnam(name).pw_dir, place)
    except KeyError:
        return ""
