"""RewriteMap: what `${name:key|default}` in a rule stands for (mod_rewrite, lookup_map)."""

from __future__ import annotations

import os
import string
from urllib.parse import unquote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_PLAIN = string.ascii_letters + string.digits + "$-_.+!*'(),:;@&=/~"
_LARGEST = 16 * 1024 * 1024  # bytes of a file
_FUNCTIONS: dict[str, Callable[[str], str]] = {
    "toupper": lambda text: "".join(c.upper() if c.isascii() else c for c in text),
    "tolower": lambda text: "".join(c.lower() if c.isascii() else c for c in text),
    "escape": lambda text: "".join(c if c in _PLAIN else _escaped(c) for c in text),
    "unescape": lambda text: unquote(text, errors="surrogateescape"),
}


def _escaped(character: str) -> str:
    return "".join(f"%{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


class Listed:
    """A file with a key and its value in each line; of values with a | between them one is chosen where that
    is `random`. A change of the file is noticed."""

    def __init__(self, file: str, random: bool) -> None:
        self._file = file
        self._random = random
        self._signature: tuple[int, ...] = ()
        self._values: dict[str, str] = {}
        self._read()

    def __call__(self, key: str) -> str:
        try:
            self._read()
        except (OSError, ValueError):
            return ""
        value = self._values.get(key, "")
        if self._random and "|" in value:
            import secrets

            return secrets.choice(value.split("|"))
        return value

    def _read(self) -> None:
        """Raises OSError, and ValueError where it is too large."""
        status = os.stat(self._file)
        signature = status.st_mtime_ns, status.st_size, status.st_ino
        if signature == self._signature:
            return
        if status.st_size > _LARGEST:
            raise ValueError(f"{self._file}: larger than {_LARGEST} bytes")
        with open(self._file, encoding="utf-8", errors="surrogateescape") as file:
            lines = [line.split() for line in file if line[:1] not in ("#", " ", "\t")]
        self._values = {}
        for words in lines:
            if len(words) > 1:
                self._values.setdefault(words[0], words[1])
        self._signature = signature


def named(source: str, file: Callable[[str], str]) -> Callable[[str], str]:
    """The map that `source` (as txt:FILE) means; it tells a key's value, or "". `file` makes names absolute.
    Raises ValueError that says what is wrong."""
    kind, colon, rest = source.partition(":")
    if not colon:
        kind, rest = "txt", source
    if kind == "int" and rest in _FUNCTIONS:
        return _FUNCTIONS[rest]
    if kind not in ("txt", "rnd"):
        raise ValueError("txt:, rnd: and int:tolower and its like are known here: write the map as text")
    try:
        return Listed(file(rest), kind == "rnd")
    except OSError as error:
        raise ValueError(f"{file(rest)}: {error.strerror}") from None
