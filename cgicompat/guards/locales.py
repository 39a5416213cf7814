from __future__ import annotations

import _locale
import os
import time

from cgicompat.guards.change import Change
from cgicompat.guards.guard import NOTHING, Guard

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Locale(Guard):
    """The C library's locale and time zone."""

    names = ("setlocale", "tzset")

    def save(self) -> None:
        self._locale = _locale.setlocale(_locale.LC_ALL, None)

    def begin(self) -> None:
        self._zone = os.environ.get("TZ")
        self._names = time.tzname, time.timezone

    def restore(self) -> Sequence[Change]:
        changes: Sequence[Change] = NOTHING
        if _locale.setlocale(_locale.LC_ALL, None) != self._locale:
            _locale.setlocale(_locale.LC_ALL, self._locale)
            changes = [Change("the locale was set")]
        if (time.tzname, time.timezone) != self._names:
            current = os.environ.get("TZ")
            _set("TZ", self._zone)
            time.tzset()
            _set("TZ", current)
            changes = [*changes, Change("the time zone was set")]
        return changes


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
