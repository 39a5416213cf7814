"""Files that are loaded in the master, and must be loaded anew when they have changed on disk."""

from __future__ import annotations

import os

from cgicompat.modules import signature

_MOST = 20_000


class Files:
    """Files under watch."""

    def __init__(self) -> None:
        self._watched: dict[str, tuple[int, ...] | None] = {}

    def watch(self, path: str) -> None:
        """Remember what it is now."""
        if path not in self._watched and len(self._watched) < _MOST:
            self._watched[path] = _signature(path)

    def changed(self) -> str:
        """The path of one that has changed, or nothing. It is told once for each change."""
        for path, known in self._watched.items():
            now = _signature(path)
            if now != known:
                # In the middle of an upgrade it may be missing: it will be there or not when we are.
                self._watched[path] = now
                return path
        return ""


def _signature(path: str) -> tuple[int, ...] | None:
    try:
        return signature(os.stat(path))
    except (OSError, ValueError):  # a name with a zero byte
        return None
