"""What tasting has found harmless, kept for the master after a reload.

Verdicts stand one upon another, as layers of an image do: what a library does at its import may depend on all
that was imported before. So those hold that come before the first on which anything has changed: a file that
the import has read, a directory that it has listed, a variable of the environment. All of it lies in the
memory of the master, which hands it to its next self; no script can write there.
"""

from __future__ import annotations

import marshal
import os
import sys

from cgicompat import dependencies
from cgicompat.modules import signature

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from cgicompat.config import Settings
    from cgicompat.pool.rules import Rules

    # What a file or directory was: a signature, the names in it, or None where it is missing.
    Look = tuple[int, ...] | list[str] | None

_CLOCK = 0.1  # seconds that a file system's clock may be behind ours
_MOST_BYTES = 1 << 20  # of what is kept of one verdict
_BASE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Verdicts:
    """Those of this master, and `former` is what dump() gave of the one before it."""

    def __init__(self, settings: Settings, rules: Rules, former: tuple[bytes, list[bytes]] | None = None):
        self._rules = rules
        self._ground = marshal.dumps(_ground(settings))
        self._kept: list[bytes] = []
        ground, kept = former or (b"", [])
        self._former = [marshal.loads(verdict) for verdict in kept]
        self._same_ground = ground == self._ground

    def add(self, names: list[str], read: list[str], seen: dict[str, Look], sure: bool) -> None:
        """These modules have been imported, as their import was found harmless. It read these variables and
        has `seen` these files; unless that is `sure`, the verdict holds for this master alone."""
        found = {name: self._rules.environ.get(name) for name in read}
        verdict = marshal.dumps((names, found, seen, sure))
        self._kept.append(verdict if len(verdict) <= _MOST_BYTES else marshal.dumps((names, {}, {}, False)))

    def dump(self) -> tuple[bytes, list[bytes]]:
        """For `former` of our next self."""
        return self._ground, self._kept

    @property
    def names(self) -> list[str]:
        """All modules that the former master has imported, in their order."""
        return [name for names, *_ in self._former for name in names]

    def standing(self) -> Iterator[tuple[list[str], list[str], dict[str, Look], bool]]:
        """Of the former verdicts, in their order, what still holds: as the arguments of add()."""
        if not self._same_ground:
            return
        environ = self._rules.environ
        for names, found, seen, sure in self._former:
            if (
                not sure
                or any(self._rules.forbid(map(os.fsencode, found), whole=False))
                or any(environ.get(name) != value for name, value in found.items())
                or any(look(path) != before for path, before in seen.items())
            ):
                return
            yield names, list(found), seen, sure


def look(path: str) -> Look:
    """What there is at `path`."""
    try:
        about = os.stat(path)
        if os.path.isdir(path):
            return sorted(name for name in os.listdir(path) if name[0] != "." and name != "__pycache__")
        return signature(about)
    except (OSError, ValueError):  # a name with a zero byte
        return None


def is_settled(seen: dict[str, Look], since: float) -> bool:
    """Whether no file has changed `since` then (time.time): who has read one may have read another."""
    latest = (since - _CLOCK) * 1e9
    return all(what[1] < latest for what in seen.values() if isinstance(what, tuple))  # st_ctime_ns


def _ground(settings: Settings) -> list[Any]:
    """What all verdicts stand on: Python, cgicompat, and where libraries are looked for in which order."""
    ours = [os.path.join(folder, name) for folder, _, names in os.walk(_BASE) for name in names]
    return [
        sys.version,
        look(os.__file__),
        [look(path) for path in sorted(ours) if path.endswith(".py")],
        [(entry, look(entry)) for entry in sys.path],
        sorted(dependencies.hidden()),
        [settings.directory, *settings.preload],
    ]
