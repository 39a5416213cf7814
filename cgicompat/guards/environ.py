from __future__ import annotations

import ctypes
import os

from cgicompat.guards.change import Change
from cgicompat.guards.guard import NOTHING, Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_POINTER = ctypes.sizeof(ctypes.c_void_p)


class Environ(Guard):
    """The environment, of Python and of the C library: os.environ is set for each run, but os.putenv() goes
    past it. Any change there moves a pointer in the C library's array `environ`; then all is emptied, for
    the next run to fill."""

    names = ("environ", "environb", "putenv", "unsetenv")

    def save(self) -> None:
        self._library = ctypes.CDLL(None)
        self._array = ctypes.c_void_p.in_dll(self._library, "environ")
        self._environ = os.environ
        self.begin()

    def begin(self) -> None:
        self._pointers = self._read()
        if self.audit:
            self._variables = dict(self._environ)

    def restore(self) -> Sequence[Change]:
        if self._read() == self._pointers:
            return NOTHING
        changes = self._describe() if self.audit else NOTHING
        self._library.clearenv()
        self._environ.clear()
        return changes

    def _read(self) -> bytes:
        array = self._array.value
        return ctypes.string_at(array, (len(self._environ) + 1) * _POINTER) if array else b""

    def _describe(self) -> list[Change]:
        now, before = dict(self._environ), self._variables
        names = sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))
        return [Change(f"environment variables were changed{': ' if names else ''}{', '.join(names)}")]
