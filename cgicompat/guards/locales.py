"""The C library's locale and time zone."""

from __future__ import annotations

import locale
import os
import time


class Locale:
    def save(self) -> None:
        self._locale = locale.setlocale(locale.LC_ALL, None)
        self._zone = os.environ.get("TZ")
        self._names = time.tzname, time.timezone

    def restore(self) -> str | None:
        if locale.setlocale(locale.LC_ALL, None) != self._locale:
            locale.setlocale(locale.LC_ALL, self._locale)
        if (time.tzname, time.timezone) != self._names:
            current = os.environ.get("TZ")
            _set("TZ", self._zone)
            time.tzset()
            _set("TZ", current)
        return None


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
