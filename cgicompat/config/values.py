"""How a setting is written: an option, the place where it was written, and the parsers.

Each parser takes what a TOML file can hold (str, int, float, bool, list, dict) or a flag's string; it returns
the value, or raises ValueError.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

PREFIX = "CGICOMPAT_"


class ConfigError(Exception):
    """A setting is wrong; the message names the place, the key and what is allowed."""


class Source:
    """Where values come from: how to name a key of it in a message, the directory that its relative paths
    start from, and the environment that `env = ["NAME"]` copies from."""

    def __init__(self, prefix: str, base: str, environ: Mapping[str, str]) -> None:
        self.prefix = prefix
        self.base = base
        self.environ = environ

    def label(self, option: Option) -> str:
        if self.prefix == PREFIX:
            return PREFIX + option.attribute.upper()
        return self.prefix + (option.flag if self.prefix == "--" else option.name)

    def path(self, path: str) -> str:
        return os.path.abspath(os.path.join(self.base, os.path.expanduser(path)))


class Option:
    """One row of OPTIONS.

    `parse(value, source)` turns the written form into the value or raises ValueError; `default` is a written
    form too, or None. `commands` are the commands that take it as a flag, shown with `metavar`; `flag` is the
    flag's name where it is another.
    """

    def __init__(
        self,
        name: str,
        parse: Callable[[object, Source], Any],
        default: str | None,
        allowed: str,
        help: str,
        metavar: str,
        commands: tuple[str, ...],
        *,
        per_script: bool = False,
        flag: str = "",
    ) -> None:
        self.name = name
        self.flag = flag or name
        self.attribute = name.replace("-", "_")
        self.parse = parse
        self.default = default
        self.allowed = allowed
        self.help = help
        self.metavar = metavar
        self.commands = commands
        self.per_script = per_script

    @property
    def switch(self) -> bool:
        """Is it true or false, so that its flag takes no value?"""
        return self.parse is boolean

    @property
    def adds_up(self) -> bool:
        """Do the layers add to each other, and may the flag be repeated?"""
        return self.parse in (variables, folders, endings, modules, names)

    def value(self, written: object, source: Source) -> Any:
        try:
            return self.parse(written, source)
        except (ValueError, OverflowError):
            raise ConfigError(f"{source.label(self)} = {written!r}: allowed is {self.allowed}") from None


def real(low: float, *, above: bool = False) -> Callable[[object, Source], float]:
    def parse(value: object, source: Source) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number = float(value)
        if not low <= number < float("inf") or (above and number == low):
            raise ValueError
        return number

    return parse


def integer(low: int, high: int | None = None) -> Callable[[object, Source], int]:
    def parse(value: object, source: Source) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        number = int(value)
        if number < low or (high is not None and number > high):
            raise ValueError
        return number

    return parse


def boolean(value: object, source: Source) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if value.lower() in ("1", "true", "yes", "on"):
            return True
        if value.lower() in ("", "0", "false", "no", "off"):
            return False
    raise ValueError


def choice(*names: str) -> Callable[[object, Source], str]:
    def parse(value: object, source: Source) -> str:
        if value not in names:
            raise ValueError
        return str(value)

    return parse


def text(value: object, source: Source) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError
    return value


def path(value: object, source: Source) -> str:
    return source.path(text(value, source))


def byte_size(value: object, source: Source) -> int:
    if isinstance(value, str):
        number = value.strip().upper().removesuffix("B")
        shift = {"K": 10, "M": 20, "G": 30, "T": 40}.get(number[-1:], 0)
        value = int(float(number[:-1]) * (1 << shift)) if shift else int(number)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError
    return value


def size(text: str) -> int:
    """The bytes that a size means, written as in an option. Raises ValueError."""
    return byte_size(text, Source("", "", {}))


def cores() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def workers(value: object, source: Source) -> tuple[int, int]:
    if value == "auto":
        return cores() + 1, 8 * cores()
    parts = value if isinstance(value, tuple | list) else str(value).split(":")
    low, high = (integer(1)(part, source) for part in (parts if len(parts) > 1 else [*parts, *parts]))
    if low > high:
        raise ValueError
    return low, high


def host(value: object, source: Source) -> str:
    name = text(value, source).removeprefix("[").removesuffix("]")
    if not name or "/" in name or name.count(":") == 1:
        raise ValueError
    return name


def socket_address(value: object, source: Source) -> str:
    written = text(value, source)
    if written.startswith("unix:"):
        return "unix:" + path(written.removeprefix("unix:"), source)
    name, _, port = written.rpartition(":")
    bare = host(name, source)
    number = integer(0, 65535)(port, source)
    return f"[{bare}]:{number}" if ":" in bare else f"{bare}:{number}"


def address(text: str) -> str:
    """An address as `socket` has it, relative paths taken from the working directory. Raises ValueError."""
    return socket_address(text, Source("", os.getcwd(), {}))


def split_address(address: str) -> tuple[str, int] | str:
    """The path of "unix:PATH", or (host, port) of "HOST:PORT", whose host may be an IPv6 one in brackets."""
    if address.startswith("unix:"):
        return address.removeprefix("unix:")
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def program(value: object, source: Source) -> str:
    name = text(value, source)
    if "/" in name:
        return source.path(name)
    for folder in os.get_exec_path(source.environ):
        if os.access(file := os.path.join(folder, name), os.X_OK):
            return file
    return name  # not there; whoever wants to run it says so


def strings(value: object, source: Source) -> list[str]:
    """A list of strings; one string (in a variable, say) is split as a shell does."""
    if isinstance(value, str):
        import shlex

        value = shlex.split(value)
    if not isinstance(value, list | tuple):
        raise ValueError
    return [text(item, source) for item in value]


def folders(value: object, source: Source) -> tuple[str, ...]:
    found = [os.path.normpath(folder.strip("/")) for folder in strings(value, source)]
    if any(folder == ".." or folder.startswith("../") for folder in found):
        raise ValueError
    return tuple(found)  # "." is the directory itself: everything in it is a script


def endings(value: object, source: Source) -> tuple[str, ...]:
    found = [ending.lower().removeprefix(".") for ending in strings(value, source)]
    if not all(ending.isalnum() for ending in found):
        raise ValueError
    return tuple(f".{ending}" for ending in found)


def modules(value: object, source: Source) -> tuple[str, ...]:
    found = strings(value, source)
    if not all(part.isidentifier() for module in found for part in module.split(".")):
        raise ValueError
    return tuple(found)


def names(value: object, source: Source) -> tuple[str, ...]:
    found = strings(value, source)
    if not all(name.isascii() and name.replace("-", "_").replace(".", "_").isidentifier() for name in found):
        raise ValueError
    return tuple(found)


def variables(value: object, source: Source) -> dict[str, str]:
    pairs: dict[str, str] = {}
    if isinstance(value, dict):
        pairs = value
    else:
        for item in strings(value, source):
            name, equals, content = item.partition("=")
            if equals:
                pairs[name] = content
            elif name in source.environ:
                pairs[name] = source.environ[name]
    for name, content in pairs.items():
        if not name or "=" in name or "\0" in name or not isinstance(content, str) or "\0" in content:
            raise ValueError
    return dict(pairs)


def user(value: object, source: Source) -> str:
    from cgicompat.identity import user_id

    return _known(value, source, user_id)


def group(value: object, source: Source) -> str:
    from cgicompat.identity import group_id

    return _known(value, source, group_id)


def _known(value: object, source: Source, find: Callable[[str], int]) -> str:
    name = text(str(value) if type(value) is int else value, source)
    find(name)
    return name
