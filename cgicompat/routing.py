"""Which file a URL path means: a script and its PATH_INFO, a static file, or nothing.

A path is cut at its slashes first and decoded afterwards, so an encoded slash never makes a new segment.
Then the segments are walked from the served directory, one stat each; the first that is a file ends the
walk, and what remains is PATH_INFO. Names that look like a backup or a hidden file lead nowhere. Scripts may
be symbolic links, as under Apache: whoever can make one could as well put a script there. What is sent as it
is must lie inside the directory after all links are followed, and must not be a script there either.

The pool's workers import this too, so it needs nothing but os.
"""

from __future__ import annotations

import os
from stat import S_ISDIR, S_ISREG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol, TypeAlias

    from .config import Settings

    class Alias(Protocol):
        """A directory or file `target`, absolute, that has the URL path `said`; are all files there
        `scripts`? With `find` it has those for which that tells a directory and the rest of the file's name,
        below `target`, or else below what `owner` tells of a file."""

        said: str
        target: str
        scripts: bool
        find: Callable[[str], tuple[str, str] | None] | None
        owner: Callable[[str], str] | None

    class Said(Protocol):
        """What a configuration says of files, absolute paths; those of directories end with a slash."""

        def is_script(self, path: str) -> bool | None:
            """Whether a file is one, None where nothing is said."""

        def indexes(self, path: str) -> tuple[str, ...]:
            """Names of files that stand for a directory."""


HOPS = 10  # from one URL to the next within one request, as Apache's LimitInternalRecursion


class Script:
    """A script to run: its absolute file name; SCRIPT_NAME, PATH_INFO (RFC 3875 4.1.13, 4.1.5), decoded.
    `mode` is the st_mode that its file had; `said` that only the site's configuration makes it one."""

    __slots__ = ("filename", "mode", "path_info", "said", "script_name")
    __match_args__ = ("filename", "script_name", "path_info")

    def __init__(
        self, filename: str, script_name: str, path_info: str, mode: int = 0, said: bool = False
    ) -> None:
        self.filename = filename
        self.script_name = script_name
        self.path_info = path_info
        self.mode = mode
        self.said = said


class Static:
    """A file to send as it is, or a directory without an index.html; `path` is absolute, free of links."""

    __slots__ = ("path",)
    __match_args__ = ("path",)

    def __init__(self, path: str) -> None:
        self.path = path


class Redirect:
    """A directory asked for without its final slash; `location` is a percent-encoded path that has it."""

    __slots__ = ("location",)
    __match_args__ = ("location",)

    def __init__(self, location: str) -> None:
        self.location = location


class Refusal:
    """Nothing to be had here; `status` is 400, 403 or 404, `reason` is for the error log alone, `hint` for
    the client too."""

    __slots__ = ("hint", "reason", "status")
    __match_args__ = ("status", "reason", "hint")

    def __init__(self, status: int, reason: str, hint: str = "") -> None:
        self.status = status
        self.reason = reason
        self.hint = hint


Route: TypeAlias = "Script | Static | Redirect | Refusal"
_Split: TypeAlias = "tuple[list[str], list[str], bool] | Refusal"

_MOST, _LONGEST = 1000, 256  # scripts that are remembered, and characters of what was asked for

# What executes such a file takes it for a program, though no #! line says so.
PROGRAMS = (".pl", ".sh", ".rb", ".tcl", ".lua")
# Pages of PHP: where that runs they need no permission, and nobody means their source to be read.
_PHP = (".php", ".php3", ".php4", ".php5", ".php7", ".php8", ".phtml")
_BACKUPS = (".bak", ".old", ".orig", ".rej", ".save", ".swn", ".swo", ".swp", ".tmp", ",v")


def decode(raw: str) -> str:
    """Undo percent-encoding: UTF-8, other bytes as surrogates (as os.fsdecode). ValueError for a bad %."""
    if "%" not in raw:
        return raw
    first, *rest = raw.encode("utf-8", "surrogateescape").split(b"%")
    for part in rest:
        if len(byte := bytes.fromhex(part[:2].decode("ascii"))) != 1:
            raise ValueError("% without two hexadecimal digits")
        first += byte + part[2:]
    return first.decode("utf-8", "surrogateescape")


def hidden(name: str, top: bool = False) -> bool:
    """Is this the name of a file that nobody asks for in good faith: hidden, a backup, compiled, our own?
    `top` says that it lies in the served directory itself, where a .well-known is none (RFC 8615)."""
    if top and name == ".well-known":
        return False
    name = name.lower()
    if (
        name[:1] in (".", "#")
        or name[-1:] in ("~", "#")
        or name.endswith(_BACKUPS)
        or name == "cgicompat.toml"
    ):
        return True
    # x.pyc, x.py_old, x.cgi-2009 and x.py.1 hold a source just as x.py~ does
    stem, _, ending = name.rpartition(".")
    copy = ending.startswith(("py", "cgi")) and ending not in ("py", "cgi")
    return bool(stem) and (copy or (ending.isdigit() and stem.endswith((".py", ".cgi"))))


_latest: tuple[str, _Split] = "", ([], [], False)


def _split(path: str) -> _Split:
    """The segments of a path as they came and decoded, and whether it ends with a slash. The latest one is
    remembered, since a request asks for it more than once."""
    global _latest
    latest = _latest
    if path != latest[0]:
        _latest = latest = path, _split_anew(path)
    return latest[1]


def _split_anew(path: str) -> _Split:
    if path[:1] not in ("", "/"):
        return Refusal(400, "path without a slash")
    raw, segments = [], []
    segment = ""
    for part in path.split("/"):
        try:
            segment = decode(part)
        except ValueError:
            return Refusal(400, "bad percent-encoding in path")
        if "\0" in segment or segment == "..":
            return Refusal(400, "NUL or .. in path")
        if "/" in segment:  # as Apache's AllowEncodedSlashes Off
            return Refusal(404, "encoded slash in path")
        if segment not in ("", "."):  # as Apache's MergeSlashes On
            raw.append(part)
            segments.append(segment)
    return raw, segments, path != "" and segment in ("", ".")


def _begins(path: str, mark: bytes) -> bool:
    """Does the file begin with `mark`?"""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return False  # then it cannot be sent either
    try:
        return os.read(file, len(mark)) == mark
    finally:
        os.close(file)


def _is_php(path: str, kind: str) -> bool:
    return kind in _PHP or (kind == ".inc" and _begins(path, b"<?"))


def _hint(name: str, kind: str) -> str:
    """What to do about a program that is no script."""
    setting = f'set script-endings = ["{kind}"]' if name.rpartition(".")[0] else "call it *.cgi"
    sent = "take away its permission to be executed (chmod a-x)"
    if kind in (*_PHP, ".inc"):
        sent = "call it *.txt"
    return (
        f"This is a program. For it to run, move it into cgi-bin or {setting}; "
        f"for it to be sent as a file, {sent}."
    )


class OneScript:
    """Routes every path to one script, absolute `filename`: the path is its PATH_INFO."""

    def __init__(self, filename: str) -> None:
        self.filename = filename

    def route(self, path: str, said: Said | None = None) -> Script | Refusal:
        """Where `path`, the percent-encoded path of a URL without its query, leads."""
        parts = _split(path)
        if isinstance(parts, Refusal):
            return parts
        _, segments, slash = parts
        return Script(self.filename, "", "".join("/" + name for name in segments) + ("/" if slash else ""))


class _Found:
    """Scripts that were found before. Names decide what a script is, and its file's type and permissions: as
    long as these stay, so does the script."""

    def __init__(self) -> None:
        self._scripts: dict[str, Script] = {}

    def get(self, asked: str) -> Script | None:
        """The script that `asked` led to, if it still does."""
        script = self._scripts.get(asked)
        try:
            return script if script and os.stat(script.filename).st_mode == script.mode else None
        except OSError:
            return None

    def add(self, asked: str, script: Script) -> None:
        if len(asked) <= _LONGEST:
            if len(self._scripts) >= _MOST:
                self._scripts.clear()
            self._scripts[asked] = script


class _Place:
    """A directory, or one file, that has the URL path of the segments `prefix`; are all in it `scripts`? Or
    one that was found for a single URL path, `url`."""

    __slots__ = ("directory", "first", "prefix", "scripts", "url")

    def __init__(self, prefix: list[str], target: str, scripts: bool, url: str = "") -> None:
        single = os.path.isfile(target)
        self.prefix = prefix
        self.directory = os.path.dirname(target) if single else target
        self.first = [os.path.basename(target)] if single else []  # segments that no URL has
        self.scripts = scripts
        self.url = url

    def has(self, filename: str) -> bool:
        """Does a file, or what is in a directory with a slash at its end, lie here?"""
        name = filename.removeprefix(self.directory + "/")
        return name != filename and self.first in ([], [name])

    def script_name(self, segments: list[str], path_info: str) -> str:
        """The URL path of the file at `segments`, which `path_info` follows."""
        if not self.url:
            return "/" + "/".join([*self.prefix, *segments[len(self.first) :]])
        end, at = len(self.url), len(path_info)  # as far as both are the same (ap_find_path_info)
        while end and at and self.url[end - 1] == path_info[at - 1]:
            end, at = end - 1, at - 1
        slash = self.url.find("/", end)
        return self.url[: slash if slash >= 0 else len(self.url)]


class Router:
    """Routes within `settings.directory`; scripts are what lies below a directory named in `settings.cgi_bin`
    (at any depth, "." being the served directory itself), and elsewhere *.cgi, executable *.py, and what has
    one of `settings.script_endings`. PHP and other executable programs that are text are nobody's to read."""

    def __init__(self, settings: Settings) -> None:
        self.directory = settings.directory.rstrip("/")
        # Compared in lower case: on a file system that ignores case, /CGI-BIN/x.py must not be a static file.
        self.cgi_bin = tuple(f"/{name.strip('/').lower()}/" for name in settings.cgi_bin if name != ".")
        self.all_scripts = "." in settings.cgi_bin
        self._root = _Place([], self.directory, self.all_scripts)
        self._places: list[_Place | Alias] = []
        self.endings = (".cgi", *settings.script_endings)
        self._by_path, self._by_filename = _Found(), _Found()

    def alias(self, alias: Alias) -> None:
        """Puts a directory or file at a URL path of its own, where no earlier one is."""
        if alias.find:
            self._places.append(alias)
        else:
            prefix = [part for part in alias.said.split("/") if part]
            self._places.append(_Place(prefix, os.path.realpath(alias.target), alias.scripts))

    def route(self, path: str, said: Said | None = None) -> Route:
        """Where `path`, the percent-encoded path of a URL without its query, leads. `said` is what the site's
        configuration says of files."""
        script = self._by_path.get(path)
        if script and (said is None or said.is_script(script.filename) is None):
            return script
        parts = _split(path)
        if isinstance(parts, Refusal):
            return parts
        raw, segments, slash = parts
        place, segments = self._place(segments, slash)
        found = self._find(place, segments, "/" if slash else "", said)
        if isinstance(found, Script) and not found.said:
            self._by_path.add(path, found)
        if isinstance(found, Static) and os.path.isdir(found.path):
            if not slash:
                return Redirect("/" + "".join(part + "/" for part in raw))
            folder = "/".join([place.directory, *segments, ""])
            for name in said.indexes(folder) if said else ("index.html",):
                if "/" in name:  # another URL, which is not ours to follow
                    break
                index = self._find(place, [*segments, name], "", said)
                if isinstance(index, Script) or (isinstance(index, Static) and not os.path.isdir(index.path)):
                    return index
        return found

    def in_cgi_bin(self, filename: str) -> bool:
        """Does a file lie in a folder whose files are all scripts?"""
        place = self._owner(filename) or self._root
        folder = os.path.dirname(filename)[len(place.directory) :].lower() + "/"
        return place.scripts or any(name in folder for name in self.cgi_bin)

    def named(self, path: str) -> str:
        """The file or directory that a URL path names, be it there or not: absolute, no links followed, with
        a slash at its end where the path has one. "" where the path is malformed."""
        parts = _split(path)
        if isinstance(parts, Refusal):
            return ""
        place, segments = self._place(parts[1], parts[2])
        return "/".join([place.directory, *segments]) + ("/" if parts[2] else "")

    def is_script(self, filename: str, said: Said | None = None) -> bool:
        """May the pool run `filename`, absolute? By its name it must lie in the directory and be a script,
        by our rules or by what is `said` of it."""
        if self._by_filename.get(filename) and (said is None or said.is_script(filename) is None):
            return True
        place = self._owner(filename)
        if place is None:
            return False
        segments = filename[len(place.directory) + 1 :].split("/")
        if not {"", ".", ".."}.isdisjoint(segments) or (place.first and segments != place.first):
            return False
        found = self._find(place, segments, "", said)
        if not (isinstance(found, Script) and found.filename == filename):
            return False
        if not found.said:
            self._by_filename.add(filename, found)
        return True

    def listing(self, directory: str, said: Said | None = None) -> Iterator[str]:
        """What may be asked for in `directory` (a Static.path): sorted names, a directory's with a slash."""
        place = self._owner(directory + "/") or self._root
        segments = [part for part in directory[len(place.directory) :].split("/") if part]
        for name in sorted(os.listdir(directory)):
            if hidden(name):
                continue
            match self._find(place, [*segments, name], "", said):
                case Script():
                    yield name
                case Static(path):
                    yield name + "/" if os.path.isdir(path) else name

    def _place(self, segments: list[str], slash: bool) -> tuple[_Place, list[str]]:
        """Where the segments of a URL path begin, which has a `slash` at its end, and those that are left to
        go from there."""
        for place in self._places:
            if not isinstance(place, _Place):
                url = "/" + "/".join(segments) + "/" * (slash and bool(segments))
                if place.find and (found := place.find(url)):
                    found_place = _Place([], os.path.realpath(found[0]), place.scripts, url)
                    rest = [part for part in found[1].split("/") if part not in ("", ".")]
                    return found_place, found_place.first + rest
                continue
            depth = len(place.prefix)
            if segments[:depth] == place.prefix:
                return place, place.first + segments[depth:]
        return self._root, segments

    def _owner(self, filename: str) -> _Place | None:
        """The innermost place that a file lies in."""
        places = [self._root]
        for one in self._places:
            if isinstance(one, _Place):
                places.append(one)
            elif target := one.owner(filename) if one.owner else one.target:
                places.append(_Place([], os.path.realpath(target), one.scripts))
        found = [place for place in places if place.has(filename)]
        return max(found, key=lambda place: (len(place.directory), place.scripts), default=None)

    def _find(
        self, place: _Place, segments: list[str], tail: str, said: Said | None = None
    ) -> Script | Static | Refusal:
        path, scripts = place.directory, place.scripts
        for i, name in enumerate(segments):
            path += "/" + name
            if hidden(name, top=i == 0):
                return Refusal(404, f"{path}: hidden, backup or compiled file")
            try:
                mode = os.stat(path).st_mode
            except PermissionError as error:
                return Refusal(403, f"{path}: {error.strerror}")
            except (OSError, ValueError):  # ValueError: a lone surrogate
                return Refusal(404, f"{path}: not found")
            if S_ISREG(mode):
                kind = name[name.rfind(".") :].lower()
                told = said.is_script(path) if said else None
                ours = kind in self.endings or (kind == ".py" and mode & 0o111)
                if scripts or told or (ours and told is None):
                    rest = "".join("/" + part for part in segments[i + 1 :])
                    name = place.script_name(segments[: i + 1], rest + tail)
                    return Script(path, name, rest + tail, mode, not (scripts or ours))
                if told is None and kind == ".py":  # a helper, or a script without permission: a source
                    return Refusal(403, f"{path}: Python source outside cgi-bin that is not executable")
                if told is None and _is_php(path, kind):
                    return Refusal(403, f"{path}: PHP, which does not run here", _hint(name, kind))
                if told is None and mode & 0o111 and (kind in PROGRAMS or _begins(path, b"#!")):
                    return Refusal(403, f"{path}: executable, but no script here", _hint(name, kind))
                if i + 1 < len(segments) or tail:
                    return Refusal(404, f"{path}: a static file has nothing below it")
                break
            if not S_ISDIR(mode):
                return Refusal(403, f"{path}: neither file nor directory")
            below = path[len(place.directory) :].lower() + "/"
            scripts = scripts or below.endswith(self.cgi_bin)
        else:
            if scripts:
                return Refusal(403, f"{path}: a directory of scripts is not listed")
        return self._inside(place, path, said)

    def _inside(self, place: _Place, path: str, said: Said | None) -> Script | Static | Refusal:
        real = os.path.realpath(path)
        if real == path or not place.directory:
            return Static(real or "/")
        if not real.startswith(place.directory + "/"):
            return Refusal(403, f"{path}: link out of the directory")
        found = self._find(place, real[len(place.directory) + 1 :].split("/"), "", said)
        return Refusal(403, f"{path}: link to a script") if isinstance(found, Script) else found
