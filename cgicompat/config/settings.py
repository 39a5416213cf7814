"""The settings, and how they are read: the layers, the sections of some scripts."""

from __future__ import annotations

import os

from cgicompat.config.options import OPTIONS
from cgicompat.config.values import PREFIX, ConfigError, Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from cgicompat.config.values import Option

FILE_NAME = "cgicompat.toml"
FORM_PREFIX = PREFIX + "FORM_"  # limits of the cgi module (docs/cgi.md): variables of the scripts
_INTERNAL = {PREFIX + "STATE", PREFIX + "GATEWAY"}  # what our processes tell each other: no settings
_BY_NAME = {option.name: option for option in OPTIONS}


class Settings:
    """What load() found; attributes are named as the options, with underscores. Times are in seconds, sizes
    in bytes, paths absolute. Not to be changed."""

    directory: str
    config: str | None  # the file that was read
    bind: str
    port: int
    socket: str | None
    runner: str
    put_back: str
    workers: tuple[int, int]
    timeout: float
    client_gone: str
    max_body: int
    max_requests: int
    max_rss: int
    audit: bool
    cwd: str
    env: dict[str, str]
    cgi_bin: tuple[str, ...]
    script_endings: tuple[str, ...]
    interpreter: str | None
    preload: tuple[str, ...]
    hide_dependencies: bool
    debug: bool
    pass_authorization: bool
    log_format: str
    user: str | None
    group: str | None
    htaccess: bool
    apache_conf: str | None
    define: tuple[str, ...]
    server_name: str | None
    queue: int
    queue_timeout: float
    grace: float
    certfile: str | None
    keyfile: str | None
    console: bool
    record: str | None
    record_errors: bool
    record_secrets: bool
    record_limit: int

    def __init__(self, values: dict[str, Any], sections: dict[str, dict[str, Any]]) -> None:
        self._values = values
        self._sections = sections
        self._merged: dict[str, Settings] = {}
        self.__dict__.update(values)

    @property
    def runners(self) -> set[str]:
        """All runners that a script may have."""
        return {self.runner, *(section.get("runner", self.runner) for section in self._sections.values())}

    @property
    def varying(self) -> set[str]:
        """Environment variables that are set for some scripts only, or otherwise than for all."""
        sections = (section.get("env", {}) for section in self._sections.values())
        return {
            name for env in sections for name, value in env.items() if self._values["env"].get(name) != value
        }

    def for_script(self, filename: str) -> Settings:
        """The settings of one script, by its absolute file name: the sections that match its path below the
        directory, later ones over earlier ones. This object itself where none does."""
        if not self._sections:
            return self
        merged = self._merged.get(filename)
        if merged is None:
            values = self._values
            path = filename.removeprefix(self.directory) if filename.startswith(self.directory) else ""
            for pattern, section in self._sections.items():
                if _matches(path, pattern):
                    values = {**values, **section, "env": {**values["env"], **section.get("env", {})}}
            merged = self._merged[filename] = self if values is self._values else Settings(values, {})
        return merged

    def but(self, **values: Any) -> Settings:
        """The same settings with other values for some attributes."""
        return Settings({**self._values, **values}, self._sections)

    def for_all(self) -> Settings:
        """These without what sections say of some scripts."""
        return Settings(self._values, {})

    def dump(self) -> bytes:
        """These settings as bytes, to hand them to another process of the same Python."""
        import marshal

        return marshal.dumps((self._values, self._sections))

    @classmethod
    def restore(cls, data: bytes) -> Settings:
        """What dump() wrote."""
        import marshal

        values, sections = marshal.loads(data)
        return cls(values, sections)


def _matches(path: str, pattern: str) -> bool:
    """Whether `pattern`, in which each * stands for any characters, / among them, matches the whole path."""
    first, *others = pattern.split("*")
    if not others:
        return path == pattern
    if not path.startswith(first):
        return False
    position = len(first)
    for middle in others[:-1]:
        position = path.find(middle, position)
        if position < 0:
            return False
        position += len(middle)
    return len(path) - position >= len(others[-1]) and path.endswith(others[-1])


def load(
    directory: str | None = None,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Reads the settings: defaults, then DIR/cgicompat.toml or the file that `config` names, then the
    CGICOMPAT_* variables of `environ` (os.environ unless given), then `flags`.

    The directory is the argument, else CGICOMPAT_DIRECTORY, else the working directory. The keys of `flags`
    are attribute names; None and () mean not given. Raises ConfigError.
    """
    environ = os.environ if environ is None else environ
    flags = {name: value for name, value in (flags or {}).items() if value is not None and value != ()}
    given = {
        name: value for name, value in environ.items() if name.startswith(PREFIX) and name not in _INTERNAL
    }

    directory = os.path.realpath(directory or given.pop(PREFIX + "DIRECTORY", None) or os.getcwd())
    if not os.path.isdir(directory):
        what = "is not a directory" if os.path.exists(directory) else "no such directory"
        raise ConfigError(f"{directory}: {what}; name the one that holds your scripts")
    given.pop(PREFIX + "DIRECTORY", None)
    named = given.pop(PREFIX + "CONFIG", None)
    named = str(flags.pop("config", None) or named or "")
    file = os.path.abspath(named or os.path.join(directory, FILE_NAME))

    defaults = Source("", directory, environ)
    values: dict[str, Any] = {"directory": directory, "config": None}
    for option in OPTIONS:
        values[option.attribute] = None if option.default is None else option.value(option.default, defaults)

    for name in [name for name in given if name.startswith(FORM_PREFIX)]:
        values["env"] = {**values["env"], name: given.pop(name)}

    sections: dict[str, dict[str, Any]] = {}
    if named or os.path.exists(file):
        document = _read(file)
        values["config"] = file
        tables = document.pop("script", {})
        source = Source(f"{file}: ", os.path.dirname(file), environ)
        _merge(values, _parsed(document, source))
        sections = dict(_scripts(tables, file, environ))
    _merge(values, _parsed(given, Source(PREFIX, os.getcwd(), environ)))
    _merge(values, _parsed(flags, Source("--", os.getcwd(), environ)))

    if values["keyfile"] and not values["certfile"]:
        raise ConfigError("keyfile is set but certfile is not: HTTPS needs the certificate too")
    if values["record_errors"] and not values["record"]:
        raise ConfigError("record-errors is set but record is not: it names the directory")
    if values["record"] and _within(os.path.realpath(values["record"]), directory):
        raise ConfigError(
            f"record = {values['record']!r} is in {directory}, which is served: choose another place"
        )
    return Settings(values, sections)


def _within(path: str, directory: str) -> bool:
    return os.path.join(path, "").startswith(os.path.join(directory, ""))


def _read(file: str) -> dict[str, Any]:
    import tomllib

    try:
        with open(file, "rb") as stream:
            return tomllib.load(stream)
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise ConfigError(f"{file}: not a TOML file: {error}") from None


def _parsed(written: Mapping[str, object], source: Source) -> Iterator[tuple[Option, Any]]:
    """(option, value) of everything written in one place."""
    for key, value in written.items():
        name = key.removeprefix(PREFIX).lower() if source.prefix == PREFIX else key
        if source.prefix in (PREFIX, "--"):
            name = name.replace("_", "-")
        option = _BY_NAME.get(name)
        if option is None:
            raise _unknown(source, key, list(_BY_NAME.values()))
        yield option, option.value(value, source)


def _scripts(tables: object, file: str, environ: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(pattern, values) of each [script."/path"] section."""
    if not isinstance(tables, dict):
        raise ConfigError(f'{file}: script = {tables!r}: allowed are sections as [script."/cgi-bin/slow.py"]')
    allowed = [option for option in OPTIONS if option.per_script]
    for pattern, table in tables.items():
        source = Source(f'{file}: [script."{pattern}"] ', os.path.dirname(file), environ)
        if not pattern.startswith("/") or not isinstance(table, dict):
            raise ConfigError(
                f"{source.prefix.strip()}: allowed is a path below the directory, as "
                '[script."/cgi-bin/slow.py"], or a pattern with *, as [script."/cgi-bin/old/*"]'
            )
        for key in table:
            if key not in {option.name for option in allowed}:
                raise _unknown(source, key, allowed)
        yield pattern, {option.attribute: value for option, value in _parsed(table, source)}


def _unknown(source: Source, key: str, allowed: list[Option]) -> ConfigError:
    names = [option.name for option in allowed]
    where = key if source.prefix == PREFIX else source.prefix + key
    if source.prefix == PREFIX:
        names = [source.label(option) for option in allowed]
    elif key in _BY_NAME:
        return ConfigError(f"{where}: not a setting of one script. Allowed are {', '.join(sorted(names))}")
    import difflib

    near = difflib.get_close_matches(key, names, 1)
    hint = f", did you mean {near[0]}?" if near else "."
    return ConfigError(f"{where}: unknown setting{hint} Allowed are {', '.join(sorted(names))}")


def _merge(values: dict[str, Any], new: Iterator[tuple[Option, Any]]) -> None:
    for option, value in new:
        if not option.adds_up:
            values[option.attribute] = value
        elif isinstance(value, dict):
            values[option.attribute] = {**values[option.attribute], **value}
        else:
            values[option.attribute] = tuple(dict.fromkeys((*values[option.attribute], *value)))
