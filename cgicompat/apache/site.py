"""What the whole configuration says of one file: the server's files and the .htaccess on the way to it.

Sections are laid over each other as in Apache (server/request.c): <Directory> and .htaccess from the root
down, <DirectoryMatch>, <Files>, <Location>. An .htaccess is asked for anew by each request, by one call of
the system for each directory, so that a change holds at once; what was made of it is kept.
"""

from __future__ import annotations

import os

from . import access
from .access import Decision, Facts
from .merging import EVERY, Part, merged, with_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cgicompat.config import Settings

    from .handling import Options
    from .headers import Headers
    from .merging import Values
    from .places import Alias
    from .redirects import Redirection
    from .rewriting import Rewritten
    from .rows import Server

_MOST = 2000  # of anything that is kept

# Keys of values that change an answer, and those that depend on who asks for what.
_CHANGING = {
    "headers",
    "early_headers",
    "expires_active",
    "etag",
    "default_charset",
    "encodings",
    "languages",
}
_ASKING = {"require", "old", "set_env_if"}

# Where there is a mistake, the client is told no more than this; the log has the rest.
_HINT = "correct it, or set htaccess = false to have no .htaccess obeyed"


class _Step:
    """One directory on the way to a file: what <Directory> says of it, and its .htaccess, if it may have one,
    with the classes of directives that are allowed there."""

    __slots__ = ("allowed", "file", "parts")

    def __init__(self, parts: list[Part], file: str, allowed: int) -> None:
        self.parts = parts
        self.file = file
        self.allowed = allowed


def obeyed(settings: Settings, say: Callable[[str], None], alias: Callable[[Alias], None]) -> Apache | None:
    """The configuration of the site that `settings` serve, None where none is obeyed; `alias` is told each of
    its aliases. Raises reading.Mistake."""
    if not (settings.htaccess or settings.apache_conf):
        return None
    apache = Apache(settings, say)
    for each in apache.aliases:
        alias(each)
    return apache


def seen(
    settings: Settings, environ: Mapping[str, str], alias: Callable[[Alias], None] = lambda _: None
) -> Lookup | None:
    """The configuration as a request with these CGI variables sees it, without a server. Raises
    reading.Mistake."""
    apache = obeyed(settings, lambda line: None, alias)
    return apache.look(lambda: Facts.of(environ)) if apache else None


class Apache:
    """The configuration of the site that `settings` serve; `say` is given lines for the log. Raises
    reading.Mistake where the server's file, settings.apache_conf, is wrong or for another directory."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self.ignored: list[str] = []  # of the server's file, as it concerns Apache's processes alone
        self.directory = settings.directory.rstrip("/")
        self._obeys = settings.htaccess
        self._say = say
        self._main: Server | None = None
        self._hosts: list[Server] = []
        self._name = (settings.server_name or "").lower()
        self.aliases: list[Alias] = []
        self._files: dict[str, tuple[tuple[int, int, int], Part]] = {}
        self._steps: dict[tuple[int, str], list[_Step]] = {}
        self._values: dict[tuple[object, ...], Values] = {}
        if settings.apache_conf:
            self._read(settings.apache_conf, dict.fromkeys(settings.define, ""))

    def look(self, facts: Callable[[], Facts], served: bool = False) -> Lookup:
        """The configuration as one request sees it. Its `facts` are asked for only where they matter. With
        `served` it is for a host whose files are served here, whatever its name."""
        return Lookup(self, facts, served)

    def served(self) -> list[Server | None]:
        """The hosts whose files are served here."""
        if self._main is None:
            return [None]
        return [one for one in self._hosts or [self._main] if one.served]

    def htaccess(self, folder: str) -> list[tuple[str, int]]:
        """The .htaccess file that a directory may have, with the classes of directives that are allowed in
        it; nothing where it is not read, and twice where hosts differ."""
        file = folder.rstrip("/") + "/.htaccess"
        steps = [step for host in self.served() for step in self._way(folder.rstrip("/"), host)]
        return list(dict.fromkeys((step.file, step.allowed) for step in steps if step.file == file))

    def parts(self, folder: str, server: Server | None) -> list[Part]:
        """All that is said of a directory, without files and locations. One part alone has a mistake."""
        parts: list[Part] = [server.part] if server else []
        for step in self._way(folder, server):
            parts += step.parts
            if step.file and (part := self._htaccess(step)):
                if part.mistake:
                    return [part]
                parts.append(part)
        return parts

    def merge(self, parts: list[Part], folder: str, name: str, server: Server | None, url: str) -> Values:
        """What `parts` of a directory come to for one file in it, called `name`."""
        key = (folder, name, url if server and server.locations else "", *parts)
        values = self._values.get(key)
        if values is None:
            if server:
                spelled = self._spelled(folder, server)
                parts = [*parts, *(part for matches, part in server.matching if matches(spelled))]
            parts = with_files(parts, name)
            if server:
                parts += [part for matches, part in server.locations if matches(url)]
            values = merged(parts)
            if len(self._values) >= _MOST:
                self._values.clear()
            self._values[key] = values
        return values

    def server(self, facts: Callable[[], Facts]) -> Server | None:
        """The host that a request is for, or the one that is meant where that cannot be told."""
        if self._main is None:
            return None
        known = facts()
        hosts = [one for one in self._hosts if (one.port == 443) == known.secure] or self._hosts
        if not known.header("host"):
            for one in hosts:
                if (
                    one.path
                    and known.url.startswith(one.path)
                    and known.url[len(one.path) :][:1] in ("", "/")
                ):
                    return one
        for name in (known.host, self._name):
            for one in hosts:
                if name and any(matches(name) for matches in one.names):
                    return one
        return hosts[0] if hosts else self._main

    def _way(self, folder: str, server: Server | None) -> list[_Step]:
        """The directories from the root, or without a server's file from the served one, to `folder`."""
        key = (id(server), folder)
        steps = self._steps.get(key)
        if steps is None:
            steps = self._server_steps(folder, server) if server else self._own_steps(folder)
            if len(self._steps) >= _MOST:
                self._steps.clear()
            self._steps[key] = steps
        return steps

    def _own_steps(self, folder: str) -> list[_Step]:
        if not self._obeys:
            return []
        below = folder[len(self.directory) :].split("/")
        paths = ["/".join(below[: i + 1]) for i in range(len(below))]
        return [_Step([], f"{self.directory}{path}/.htaccess", EVERY) for path in paths]

    def _server_steps(self, folder: str, server: Server) -> list[_Step]:
        steps, override = [], 0
        spelled = self._spelled(folder, server)
        names = [name for name in spelled.split("/") if name]
        outside = len(server.document_root) if self.inside(folder) else len(spelled) + 1
        for depth in range(len(names) + 1):
            path = "/" + "/".join(names[:depth])
            parts = [part for level, matches, part in server.directories if level == depth and matches(path)]
            for part in parts:
                override = part.values.get("override", override)
            real = self.directory + path[outside:] if len(path) >= outside else path
            file = real.rstrip("/") + "/.htaccess" if override and self._obeys else ""
            if parts or file:
                steps.append(_Step(parts, file, override))
        return steps

    def inside(self, folder: str) -> bool:
        return folder == self.directory or folder.startswith(self.directory + "/")

    def _spelled(self, folder: str, server: Server) -> str:
        """A directory as the configuration spells it in sections, perhaps by a link."""
        return server.document_root + folder[len(self.directory) :] if self.inside(folder) else folder

    def _htaccess(self, step: _Step) -> Part | None:
        """What the .htaccess of a directory says now, None where there is none."""
        kept = self._files.get(step.file)
        if kept is None and not os.access(step.file, os.F_OK):  # half the time of a stat that fails
            return None
        try:
            status = os.stat(step.file)
        except OSError:
            self._files.pop(step.file, None)
            return None
        signature = (status.st_mtime_ns, status.st_size, status.st_ino)
        if kept and kept[0] == signature:
            return kept[1]
        from .directives import htaccess

        part = htaccess(step.file, step.allowed, self._say)
        if part.mistake:
            self._say(f"{part.mistake}; {_HINT}")
        if len(self._files) >= _MOST:
            self._files.clear()
        self._files[step.file] = signature, part
        return part

    def _read(self, conf: str, defines: dict[str, str]) -> None:
        from .directives import server
        from .reading import Mistake

        main, context = server(conf, defines)
        self.ignored = context.ignored
        self._main, self._hosts = main, main.hosts
        for one in main.hosts:
            one.document_root = one.document_root or main.document_root
            one.directories = main.directories + one.directories
            one.matching = main.matching + one.matching
            one.locations = main.locations + one.locations
            rules = one.part.values.get("rewrite_server")
            one.part.values = merged([main.part, one.part])
            if not rules:  # those of the main server are for itself
                one.part.values.pop("rewrite_server", None)
            one.part.files = main.part.files + one.part.files
            one.maps = {**main.maps, **one.maps}
        for one in (main, *main.hosts):
            one.served = os.path.realpath(one.document_root or "/") == (self.directory or "/")
            one.document_root = one.document_root.rstrip("/")
        all_of_them = main.hosts or [main]
        for one in all_of_them:
            if one.served:
                more = [alias for alias in main.aliases if not (alias.last and one.users)]
                self._alias(one.line or conf, [*one.aliases, *(more if one is not main else [])])
        if not any(one.served for one in all_of_them):
            roots = ", ".join(sorted({one.document_root or "not said" for one in all_of_them}))
            raise Mistake(
                f"{conf}: DocumentRoot is {roots}, but {self.directory or '/'} is to be served: "
                "serve that directory, or correct the DocumentRoot"
            )

    def _alias(self, line: str, aliases: list[Alias]) -> None:
        """Takes those of a host, the first for each path. Raises Mistake where another host has others."""
        from .reading import Mistake

        own: dict[str, Alias] = {}
        for alias in sorted(aliases, key=lambda one: one.last):
            own.setdefault(alias.said.strip("/"), alias)
        if self.aliases and [one.key for one in self.aliases] != [one.key for one in own.values()]:
            raise Mistake(f"{line}: Alias: hosts with the same DocumentRoot have to have the same ones here")
        self.aliases = list(own.values())


class Lookup:
    """What holds for files, as one request sees it: each .htaccess is looked at once. Paths are absolute, a
    directory's with a slash at its end."""

    def __init__(self, apache: Apache, facts: Callable[[], Facts], served: bool) -> None:
        self._apache = apache
        self._ask = facts
        self._known: Facts | None = None
        self._said: dict[str, Values] = {}  # by path
        self._server = apache.served()[0] if served else apache.server(self._facts)
        self._folders: dict[str, list[Part]] = {}

    def values(self, path: str) -> Values:
        """What holds for `path`; nothing where there is a mistake."""
        values = self._said.get(path)
        if values is None:
            parts, folder, name = self._parts(path)
            if not parts or parts[-1].mistake:
                values = {}
            else:
                url = self._facts().url if self._server and self._server.locations else ""
                values = self._apache.merge(parts, folder, name, self._server, url)
            self._said[path] = values
        return values

    def decide(self, path: str, runs: bool = False) -> Decision:
        """May the request be answered with `path`? `runs` says that it is a script, and not one because of
        its folder."""
        if self._server and not self._server.served:
            root, line = self._server.document_root, self._server.line
            return Decision(403, f"{line}: this host has its files in {root}, which is not served here")
        if wrong := self._mistake(path):
            return wrong
        values = self.values(path)
        if not (values or runs):
            return access.OPEN
        decision = access.OPEN
        if not values.keys().isdisjoint(_ASKING):
            facts = self._facts()
            if "set_env_if" in values:
                from .variables import evaluated

                facts.env = {**facts.env, **evaluated(values["set_env_if"], facts)}
            decision = access.decide(values, facts)
            facts.user = decision.user
        if (
            not decision.status
            and (runs or "options" in values)
            and (closed := self._closed(values, path, runs))
        ):
            return closed
        if not decision.status and "includes" in values:
            from .handling import includes

            if includes(values, path.rpartition("/")[2]):
                return Decision(500, "server-side includes, which are not obeyed here")
        return decision

    def bars(self, path: str, runs: bool) -> Decision | None:
        """What bars everybody from the script `path`, whoever may have it; `runs` as for decide."""
        return self._mistake(path) or self._closed(self.values(path), path, runs)

    def _mistake(self, path: str) -> Decision | None:
        parts = self._parts(path)[0]
        return Decision(parts[-1].status, parts[-1].mistake) if parts and parts[-1].mistake else None

    def _closed(self, values: Values, path: str, runs: bool) -> Decision | None:
        """What Options have against a file."""
        options = values.get("options")
        if options:
            from .handling import follows

            if not follows(values, self._apache.directory, path.rstrip("/")):
                return Decision(403, "a symbolic link, and Options has no FollowSymLinks")
        if runs and not self._has(options, "execcgi", path):
            return Decision(403, "a script, and Options has no ExecCGI")
        return None

    def _has(self, options: Options | None, name: str, path: str) -> bool:
        """Is an option on for `path`? What nobody has said holds in the served directory, and as in Apache
        does not elsewhere."""
        default = self._apache.inside(path)
        return options.has(name, default) if options else default

    def is_script(self, path: str) -> bool | None:
        """Whether a file is to be run, as handlers say; None where they say nothing."""
        values = self.values(path)
        if not values:
            return None
        from .handling import is_script

        return is_script(values, path.rpartition("/")[2])

    def indexes(self, path: str) -> tuple[str, ...]:
        """The names that stand for the directory `path`."""
        names: tuple[str, ...] = self.values(path).get("directory_index", ("index.html",))
        return names

    def variables(self, path: str) -> dict[str, str]:
        """What the script `path` has in its environment besides."""
        values = self.values(path)
        # What SetEnvIf and rules have found; SetEnv comes later.
        environ = {**(self._known.env if self._known else {}), **values.get("env", {})}
        return {name: text for name, text in environ.items() if text is not None}

    def redirected(self, path: str, query: str) -> tuple[int, str] | None:
        """Status and URL, if any, that a request for `path` is answered with in its place."""
        return self._redirected(self.values(path).get("redirects", ()), query)

    def moved(self, query: str) -> tuple[int, str] | None:
        """The same for the URL as such, whoever asks."""
        return self._redirected(
            self._server.part.values.get("redirects_server", ()) if self._server else (), query
        )

    def _redirected(self, rules: tuple[Redirection, ...], query: str) -> tuple[int, str] | None:
        if not rules:
            return None
        from .redirects import redirected

        facts = self._facts()
        found = redirected(rules, facts.url, query)
        if found and found[1].startswith("/"):  # Apache sends whole ones
            return found[0], f"http{'s' * facts.secure}://{facts.authority or facts.server}{found[1]}"
        return found

    def translated(self) -> Rewritten | None:
        """What rules of the server's files make of the URL, before it names a file."""
        if not self._server or "rewrite_server" not in self._server.part.values:
            return None
        from .rewriting import rewritten

        facts = self._facts()
        rewrite = self._server.part.values["rewrite_server"]
        return rewritten(rewrite, facts, facts.url, self._apache.directory, self._server.maps)

    def rewritten(self, path: str, whole: str, sub: bool = False) -> Rewritten | None:
        """What rules for the directory of `path` make of it, `whole` with what follows it in the URL. `sub`
        says that the file stands for a directory."""
        values = self.values(path)
        if "rewrite" not in values:
            return None
        from .handling import UNSAID
        from .rewriting import Rewritten, rewritten

        options = values.get("options", UNSAID)
        if not (options.has("followsymlinks", True) or options.has("symlinksifownermatch", False)):
            return Rewritten("", "", 403) if values["rewrite"].engine else None
        maps = self._server.maps if self._server else {}
        return rewritten(values["rewrite"], self._facts(), whole, self._apache.directory, maps, sub)

    def env(self) -> Mapping[str, str]:
        """The variables that the request has so far."""
        return self._facts().env

    def client_name(self) -> str:
        """The client's name, if anything has asked for it so far."""
        return (self._known and self._known.name) or ""

    def url(self) -> str:
        """The URL path that was asked for, decoded."""
        return self._facts().url

    def headers(self, path: str, guess: Callable[[str], str]) -> list[tuple[str, str]]:
        """What a file is said to be, Content-Type first, if anything is said; `guess` has the type that a
        name has elsewhere."""
        values = self.values(path)
        if not values:
            return []
        from .types import headers

        return headers(values, path.rpartition("/")[2], guess)

    def error_document(self, path: str, status: int) -> str:
        """What an error is answered with for `path`, as documents.error_document says it."""
        values = self.values(path)
        if "errors" not in values:
            return ""
        from .documents import error_document

        return error_document(values, status)

    def alike(self, path: str, other: str) -> bool:
        """Do two files lie side by side, with the same said of both? Then who was refused one may have the
        other as the page that says so (server/request.c, ap_process_request_internal)."""
        same_folder = path.rpartition("/")[0] == other.rpartition("/")[0]
        return same_folder and self.values(path) == self.values(other) != {}

    def fallback(self, path: str) -> str:
        """The URL path that stands for what is not there, "" for none."""
        found: str = self.values(path).get("fallback", "")
        return found

    def takes_path_info(self, path: str) -> bool:
        """May anything follow the script `path` in a URL?"""
        return bool(self.values(path).get("path_info", True))

    def most_body(self, path: str, limit: int) -> int:
        """The bytes that a request's body for the script `path` may have, where `limit` holds in any case."""
        said: int = self.values(path).get("limit_body", 0)
        return min(said, limit) if said else limit

    def changes(self, path: str) -> Callable[[Headers, int, bool, bool], Headers] | None:
        """What the configuration does to the headers of an answer (headers.changed), if it does something."""
        values = self.values(path)
        if values.keys().isdisjoint(_CHANGING):
            return None
        from .headers import changed
        from .types import coded

        environ = self.variables(path)
        said = coded(values, path.rpartition("/")[2])
        return lambda headers, status, script, page: changed(
            values, headers, environ, status, page, said if script else None
        )

    def asks(self, path: str, headers: Headers) -> Headers:
        """The headers of the request for `path`, as what answers it is to see them."""
        values = self.values(path)
        if "request_headers" not in values:
            return headers
        from .headers import asked

        return asked(values["request_headers"], headers, self.variables(path))

    def begins(self, headers: Headers) -> Headers:
        """The headers of the request as the server's files want them before anything else."""
        changes = self._server.part.values.get("early_request_headers") if self._server else None
        if not changes:
            return headers
        from .headers import asked

        return asked(changes, headers, {})

    def passes_authorization(self, path: str) -> bool:
        """Does the script `path` get the Authorization header?"""
        return bool(self.values(path).get("pass_authorization"))

    def lists(self, path: str, default: bool) -> bool:
        """May the directory `path` be listed, which may be by `default`?"""
        options = self.values(path).get("options")
        default = default and self._apache.inside(path)
        return options.has("indexes", default) if options else default

    def shows(self, path: str, name: str) -> bool:
        """May a list of the directory `path` have this name, a directory's with a slash at its end?"""
        ignored = self.values(path).get("index_ignore", ())
        return (
            not any(matches(name.rstrip("/")) for matches in ignored) and not self.decide(path + name).status
        )

    def _facts(self) -> Facts:
        if self._known is None:
            self._known = self._ask()
        return self._known

    def _parts(self, path: str) -> tuple[list[Part], str, str]:
        folder, _, name = path.rpartition("/")
        parts = self._folders.get(folder)
        if parts is None:
            parts = self._folders[folder] = self._apache.parts(folder, self._server)
        return parts, folder, name
