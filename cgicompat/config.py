"""Settings: one table of options, from which come the keys of cgicompat.toml, the CGICOMPAT_* variables and
the flags of the command line.

A value is written in the same way in all four layers (default, file, environment, flag; the later wins), so
each option has one parser, and a mistake is reported with the place where it was made and with what is
allowed there. Lists (cgi-bin, script-endings, preload, define) and env add up over the layers.

The pool's master and its workers import this module: at import time it needs `os` and nothing else.
The file is long because half of it is that one table.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

FILE_NAME = "cgicompat.toml"
PREFIX = "CGICOMPAT_"
FORM_PREFIX = PREFIX + "FORM_"  # limits of the cgi module (docs/cgi.md): variables of the scripts
_INTERNAL = {PREFIX + "STATE", PREFIX + "GATEWAY"}  # what our processes tell each other: no settings


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
        return self.parse is _bool

    @property
    def adds_up(self) -> bool:
        """Do the layers add to each other, and may the flag be repeated?"""
        return self.parse in (_env, _folders, _endings, _modules, _names)

    def value(self, written: object, source: Source) -> Any:
        try:
            return self.parse(written, source)
        except (ValueError, OverflowError):
            raise ConfigError(f"{source.label(self)} = {written!r}: allowed is {self.allowed}") from None


# Parsers. Each takes what a TOML file can hold (str, int, float, bool, list, dict) or a flag's string.


def _float(low: float, *, above: bool = False) -> Callable[[object, Source], float]:
    def parse(value: object, source: Source) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number = float(value)
        if not low <= number < float("inf") or (above and number == low):
            raise ValueError
        return number

    return parse


def _int(low: int, high: int | None = None) -> Callable[[object, Source], int]:
    def parse(value: object, source: Source) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        number = int(value)
        if number < low or (high is not None and number > high):
            raise ValueError
        return number

    return parse


def _bool(value: object, source: Source) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        if value.lower() in ("1", "true", "yes", "on"):
            return True
        if value.lower() in ("", "0", "false", "no", "off"):
            return False
    raise ValueError


def _choice(*names: str) -> Callable[[object, Source], str]:
    def parse(value: object, source: Source) -> str:
        if value not in names:
            raise ValueError
        return str(value)

    return parse


def _text(value: object, source: Source) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError
    return value


def _path(value: object, source: Source) -> str:
    return source.path(_text(value, source))


def _size(value: object, source: Source) -> int:
    if isinstance(value, str):
        number = value.strip().upper().removesuffix("B")
        shift = {"K": 10, "M": 20, "G": 30, "T": 40}.get(number[-1:], 0)
        value = int(float(number[:-1]) * (1 << shift)) if shift else int(number)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError
    return value


def size(text: str) -> int:
    """The bytes that a size means, written as in an option. Raises ValueError."""
    return _size(text, Source("", "", {}))


def cores() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _workers(value: object, source: Source) -> tuple[int, int]:
    if value == "auto":
        return cores() + 1, 8 * cores()
    parts = value if isinstance(value, tuple | list) else str(value).split(":")
    low, high = (_int(1)(part, source) for part in (parts if len(parts) > 1 else [*parts, *parts]))
    if low > high:
        raise ValueError
    return low, high


def _host(value: object, source: Source) -> str:
    host = _text(value, source).removeprefix("[").removesuffix("]")
    if not host or "/" in host or host.count(":") == 1:
        raise ValueError
    return host


def _address(value: object, source: Source) -> str:
    text = _text(value, source)
    if text.startswith("unix:"):
        return "unix:" + _path(text.removeprefix("unix:"), source)
    host, _, port = text.rpartition(":")
    bare = _host(host, source)
    number = _int(0, 65535)(port, source)
    return f"[{bare}]:{number}" if ":" in bare else f"{bare}:{number}"


def address(text: str) -> str:
    """An address as `socket` has it, relative paths taken from the working directory. Raises ValueError."""
    return _address(text, Source("", os.getcwd(), {}))


def split_address(address: str) -> tuple[str, int] | str:
    """The path of "unix:PATH", or (host, port) of "HOST:PORT", whose host may be an IPv6 one in brackets."""
    if address.startswith("unix:"):
        return address.removeprefix("unix:")
    host, _, port = address.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _program(value: object, source: Source) -> str:
    text = _text(value, source)
    if "/" in text:
        return source.path(text)
    for folder in os.get_exec_path(source.environ):
        if os.access(file := os.path.join(folder, text), os.X_OK):
            return file
    return text  # not there; whoever wants to run it says so


def _list(value: object, source: Source) -> list[str]:
    """A list of strings; one string (in a variable, say) is split as a shell does."""
    if isinstance(value, str):
        import shlex

        value = shlex.split(value)
    if not isinstance(value, list | tuple):
        raise ValueError
    return [_text(item, source) for item in value]


def _folders(value: object, source: Source) -> tuple[str, ...]:
    folders = [os.path.normpath(folder.strip("/")) for folder in _list(value, source)]
    if any(folder == ".." or folder.startswith("../") for folder in folders):
        raise ValueError
    return tuple(folders)  # "." is the directory itself: everything in it is a script


def _endings(value: object, source: Source) -> tuple[str, ...]:
    endings = [ending.lower().removeprefix(".") for ending in _list(value, source)]
    if not all(ending.isalnum() for ending in endings):
        raise ValueError
    return tuple(f".{ending}" for ending in endings)


def _modules(value: object, source: Source) -> tuple[str, ...]:
    modules = _list(value, source)
    if not all(part.isidentifier() for module in modules for part in module.split(".")):
        raise ValueError
    return tuple(modules)


def _names(value: object, source: Source) -> tuple[str, ...]:
    names = _list(value, source)
    if not all(name.isascii() and name.replace("-", "_").replace(".", "_").isidentifier() for name in names):
        raise ValueError
    return tuple(names)


def _env(value: object, source: Source) -> dict[str, str]:
    pairs: dict[str, str] = {}
    if isinstance(value, dict):
        pairs = value
    else:
        for item in _list(value, source):
            name, equals, text = item.partition("=")
            if equals:
                pairs[name] = text
            elif name in source.environ:
                pairs[name] = source.environ[name]
    for name, text in pairs.items():
        if not name or "=" in name or "\0" in name or not isinstance(text, str) or "\0" in text:
            raise ValueError
    return dict(pairs)


def _user(value: object, source: Source) -> str:
    from cgicompat.identity import user_id

    return _known(value, source, user_id)


def _group(value: object, source: Source) -> str:
    from cgicompat.identity import group_id

    return _known(value, source, group_id)


def _known(value: object, source: Source, find: Callable[[str], int]) -> str:
    name = _text(str(value) if type(value) is int else value, source)
    find(name)
    return name


_EVERY = ("serve", "pool", "run")
_SCRIPTS = (*_EVERY, "compare", "replay")  # what says how scripts run, whatever the runner
_SERVERS = ("serve", "pool")

OPTIONS = (
    Option(
        "bind",
        _host,
        "127.0.0.1",
        "a host name or an IP address",
        "Address to listen on.",
        "ADDRESS",
        ("serve",),
    ),
    Option(
        "port",
        _int(0, 65535),
        "8000",
        "0 (any free port) to 65535",
        "Port to listen on; 0 takes any free one.",
        "PORT",
        ("serve",),
    ),
    Option(
        "certfile",
        _path,
        None,
        "the path of a PEM file",
        "Certificate (chain) for HTTPS.",
        "FILE",
        ("serve",),
    ),
    Option(
        "keyfile",
        _path,
        None,
        "the path of a PEM file",
        "Private key of the certificate.",
        "FILE",
        ("serve",),
    ),
    Option(
        "log-format",
        _text,
        "combined",
        "combined, common, json, or a format in Apache's notation",
        "Access log: combined, common, json, or a format in Apache's notation.",
        "FORMAT",
        ("serve",),
    ),
    Option(
        "console",
        _bool,
        "false",
        "true or false",
        "Serve a page about scripts and workers at /_cgicompat/, on a loopback address only.",
        "",
        ("serve",),
    ),
    Option(
        "socket",
        _address,
        None,
        "unix:PATH or HOST:PORT",
        "unix:PATH or HOST:PORT to listen on.",  # for the other doors: where a pool listens
        "ADDRESS",
        ("pool",),
        flag="bind",
    ),
    Option(
        "runner",
        _choice("auto", "fork", "cgihandler", "cgi"),
        "fork",
        "auto, fork, cgihandler or cgi",
        "fork: a warm process for each request; cgihandler: one for many; cgi: a new program each time; "
        "auto: cgihandler where a process's memory can be put back, else fork.",
        "auto|fork|cgihandler|cgi",
        (*_EVERY, "replay"),
        per_script=True,
    ),
    Option(
        "put-back",
        _choice("auto", "memory", "guards"),
        "auto",
        "auto, memory or guards",
        "How processes of cgihandler are put back: by their memory where that can be done, or by guards.",
        "auto|memory|guards",
        _SERVERS,
    ),
    Option(
        "workers",
        _workers,
        "auto",
        "N, MIN:MAX or auto (cores + 1 : 8 x cores)",
        "Number of worker processes; from MIN it grows to MAX while requests wait.",
        "N|MIN:MAX",
        _SERVERS,
    ),
    Option(
        "timeout",
        _float(0, above=True),
        "60",
        "a number of seconds above 0",
        "Time limit of a script.",
        "SECONDS",
        _SCRIPTS,
        per_script=True,
    ),
    Option(
        "max-body",
        _size,
        "1G",
        "a number of bytes, or one with K, M, G or T",
        "Largest request body, in bytes or with K, M, G or T.",
        "SIZE",
        _SERVERS,
        per_script=True,
    ),
    Option(
        "max-requests",
        _int(0),
        "0",
        "0 (never) or a number of requests",
        "Replace a worker after so many requests; 0 is never.",
        "N",
        _SERVERS,
    ),
    Option(
        "max-rss",
        _size,
        "256M",
        "a number of bytes, or one with K, M, G or T; 0 is any",
        "Replace a worker whose memory has grown by so much; 0 is never.",
        "SIZE",
        _SERVERS,
    ),
    Option(
        "audit",
        _bool,
        "false",
        "true or false",
        "Report in the error log all that scripts change in a cgihandler process. Slow.",
        "",
        _EVERY,
    ),
    Option(
        "cwd",
        _choice("script", "root"),
        "script",
        "script (its own directory) or root (the one served)",
        "Working directory of scripts: their own, or the one served.",
        "script|root",
        _SCRIPTS,
        per_script=True,
    ),
    Option(
        "env",
        _env,
        "",
        "NAME=VALUE, NAME alone to copy it from the host, or in a file a table of strings",
        "Environment variable for scripts; without =VALUE it is copied from here.",
        "NAME[=VALUE]",
        _SCRIPTS,
        per_script=True,
    ),
    Option(
        "cgi-bin",
        _folders,
        "cgi-bin htbin",
        "the name of a folder inside the directory, or . for all of it",
        "One more folder whose files are scripts.",
        "NAME",
        _SCRIPTS,
    ),
    Option(
        "script-endings",
        _endings,
        "",
        "an ending of file names, as .pl",
        "One more ending of file names that makes a file a script, anywhere.",
        ".ENDING",
        _SCRIPTS,
    ),
    Option(
        "interpreter",
        _program,
        None,
        "the name or path of a program",
        "Program that runs the scripts under the cgi runner, in place of their #! line.",
        "PROGRAM",
        _EVERY,
        per_script=True,
    ),
    Option(
        "preload",
        _modules,
        "",
        "the name of a module",
        "Module to import before the first request.",
        "MODULE",
        _SERVERS,
    ),
    Option(
        "hide-dependencies",
        _bool,
        "true",
        "true or false",
        "Hide from scripts what is installed for cgicompat's sake alone.",
        "",
        _SCRIPTS,
    ),
    Option(
        "debug",
        _bool,
        "false",
        "true or false",
        "Show tracebacks in the page.",
        "",
        _SCRIPTS,
        per_script=True,
    ),
    Option(
        "pass-authorization",
        _bool,
        "false",
        "true or false",
        "Hand the Authorization header to scripts.",
        "",
        _SCRIPTS,
        per_script=True,
    ),
    Option(
        "record",
        _path,
        None,
        "the path of a directory",
        "Write each request and its response to a file in this directory.",
        "DIR",
        _SERVERS,
    ),
    Option(
        "record-errors",
        _bool,
        "false",
        "true or false",
        "Record only what fails.",
        "",
        _SERVERS,
    ),
    Option(
        "record-secrets",
        _bool,
        "false",
        "true or false",
        "Record passwords and cookies as they are.",
        "",
        _SERVERS,
    ),
    Option(
        "record-limit",
        _size,
        "100M",
        "a number of bytes, or one with K, M, G or T",
        "Size of all recordings together; the oldest give way.",
        "SIZE",
        _SERVERS,
    ),
    Option(
        "user",
        _user,
        None,
        "the name or number of a user",
        "User as whom scripts run, where root starts the server.",
        "NAME",
        _SERVERS,
    ),
    Option(
        "group",
        _group,
        None,
        "the name or number of a group",
        "Group of scripts.  [default: the user's groups]",
        "NAME",
        _SERVERS,
    ),
    Option(
        "htaccess",
        _bool,
        "true",
        "true or false",
        "Obey .htaccess files.",
        "",
        _SERVERS,
    ),
    Option(
        "apache-conf",
        _path,
        None,
        "the path of a file",
        "Configuration of Apache to obey, such as its httpd.conf.",
        "FILE",
        _SERVERS,
    ),
    Option(
        "define",
        _names,
        "",
        "a name for <IfDefine>",
        "Name that is defined for apache-conf, as by Apache's -D.",
        "NAME",
        _SERVERS,
    ),
    Option(
        "server-name",
        _host,
        None,
        "a host name",
        "The site's name, Apache's ServerName: for requests without one that is known.",
        "NAME",
        _SERVERS,
    ),
    Option(
        "queue",
        _int(0),
        "256",
        "a number of requests, 0 or more",
        "How many requests may wait for a worker.",
        "N",
        _SERVERS,
    ),
    Option(
        "queue-timeout",
        _float(0),
        "30",
        "a number of seconds, 0 or more",
        "How long a request may wait for a worker.",
        "SECONDS",
        _SERVERS,
    ),
    Option(
        "grace",
        _float(0),
        "10",
        "a number of seconds, 0 or more",
        "How long running requests may go on at shutdown.",
        "SECONDS",
        _SERVERS,
    ),
)

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
