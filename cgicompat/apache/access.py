"""Who may have a file: Require, Order, Allow, Deny, Satisfy and Basic authentication decide, and only here.

Sources: mod_authz_core (the tree of Require), mod_access_compat (Order), mod_auth_basic, mod_authn_file,
mod_authz_groupfile, and server/request.c, ap_process_request_internal, for how they go together.
"""

from __future__ import annotations

import binascii

from cgicompat.environ import split_host

from . import names
from .networks import Network, is_loopback, packed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from .merging import Values

GRANTED, DENIED, NO_USER, NEUTRAL = "granted", "denied", "denied without a user", "neutral"


class Facts:
    """What is known of a request: the method (as `asked` for, and as `method`, GET for HEAD), the decoded URL
    path, the name of the host that it is for (in lower case, "" where it has none) and as the client has it,
    with its port (`authority`), whether it is `secure` (TLS), the addresses of both sides ("" where there are
    none), the protocol, and by `header` the value of each header (name in lower case), or ""; the query, the
    `line` of the target as it came, and the `mount`, the part of the path before the site's. `env` has the
    variables of a request that led to this one, and those that SetEnvIf and RewriteRule set; the latter adds
    to `cookies`, which the answer is to have. `look_up` has the answers of the name service."""

    __slots__ = (
        "asked",
        "authority",
        "client",
        "cookies",
        "env",
        "header",
        "host",
        "line",
        "look_up",
        "method",
        "mount",
        "name",
        "protocol",
        "query",
        "secure",
        "server",
        "url",
        "user",
    )

    def __init__(
        self,
        *,
        method: str,
        url: str,
        host: str,
        authority: str,
        secure: bool,
        client: str,
        server: str,
        protocol: str,
        header: Callable[[str], str],
        query: str = "",
        line: str = "",
        mount: str = "",
        env: Mapping[str, str] | None = None,
        cookies: list[str] | None = None,
        look_up: Callable[[names.Question], tuple[str, ...]] = names.by_child,
    ) -> None:
        self.asked = method
        self.method = "GET" if method == "HEAD" else method  # one to Apache
        self.url = url
        self.host = host
        self.authority = authority
        self.secure = secure
        self.client = client
        self.server = server
        self.protocol = protocol
        self.header = header
        self.query = query
        self.line = line
        self.mount = mount
        self.env = env or {}
        self.cookies = [] if cookies is None else cookies
        self.look_up = look_up
        self.user = ""  # once it is known
        self.name: str | None = None  # the client's, once it was asked for

    def comes_from(self, domain: str) -> bool:
        """Is `domain` the client's name, or an end of it?"""
        if self.name is None:
            self.name = "".join(self.look_up(names.Question(address=self.client))[:1])
        return bool(self.name) and names.is_within(self.name, domain)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Facts:
        """What CGI variables say."""
        host = split_host(environ.get("HTTP_HOST") or environ.get("SERVER_NAME", ""))
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        return cls(
            method=environ.get("REQUEST_METHOD", "GET"),
            url=path or environ.get("DOCUMENT_URI", ""),  # as nginx has it, before we know the script
            host=host[0] if host else "",
            authority=environ.get("HTTP_HOST") or environ.get("SERVER_NAME", ""),
            secure=environ.get("HTTPS", "").lower() == "on",
            client=environ.get("REMOTE_ADDR", ""),
            server=environ.get("SERVER_ADDR", ""),
            protocol=environ.get("SERVER_PROTOCOL", ""),
            query=environ.get("QUERY_STRING", ""),
            line=environ.get("REQUEST_URI", ""),
            env={name: text for name, text in environ.items() if name.startswith("REDIRECT_")},
            header=lambda name: environ.get("HTTP_" + name.upper().replace("-", "_"), ""),
        )


class Decision:
    """`status` is 0 where access is granted, else 401, 403 or 500, with the `reason` for the error log and a
    `challenge` for the client; `user` is who it is, if anybody was asked, by `auth_type`."""

    __slots__ = ("auth_type", "challenge", "reason", "status", "user")

    def __init__(
        self, status: int, reason: str = "", user: str = "", auth_type: str = "", challenge: str = ""
    ) -> None:
        self.status = status
        self.reason = reason
        self.user = user
        self.auth_type = auth_type
        self.challenge = challenge


OPEN = Decision(0)


class Methods:
    """The methods that a <Limit> names, or all but those."""

    __slots__ = ("_names", "_others")

    def __init__(self, names: Iterable[str] = (), others: bool = True) -> None:
        self._names = frozenset(names)
        self._others = others

    def __contains__(self, method: str) -> bool:
        return (method in self._names) != self._others


ALL = Methods()


class Requirement:
    """One Require, or a section of them (`all`, `any` or `none` of what is in `parts`)."""

    __slots__ = ("check", "methods", "negated", "parts", "text", "together")

    def __init__(
        self,
        text: str,
        check: Callable[[Facts, str, Values], str] | None = None,
        *,
        negated: bool = False,
        together: bool = False,
        methods: Methods = ALL,
    ) -> None:
        self.text = text
        self.check = check
        self.negated = negated
        self.together = together  # all of them, or one
        self.methods = methods
        self.parts: list[Requirement] = []

    def covers(self, method: str) -> bool:
        return any(part.covers(method) for part in self.parts) if self.parts else method in self.methods

    def ask(self, facts: Facts, user: str, values: Values, within_all: bool = True) -> str:
        """What it says of a request of `user` ("" is nobody) (mod_authz_core, apply_authz_sections)."""
        if not self.covers(facts.method):
            return GRANTED if within_all else NEUTRAL
        result = self.check(facts, user, values) if self.check else self._together(facts, user, values)
        if self.negated:
            result = {GRANTED: DENIED, NEUTRAL: NEUTRAL}.get(result, NEUTRAL)
        return result

    def _together(self, facts: Facts, user: str, values: Values) -> str:
        result, final = NEUTRAL, DENIED if self.together else GRANTED
        for part in self.parts:
            one = part.ask(facts, user, values, self.together)
            if one == final:
                return one
            if one == NEUTRAL:
                continue
            if result == NEUTRAL or (one == NO_USER and result == (GRANTED if self.together else DENIED)):
                result = one
        return result


class Old:
    """Order, Allow, Deny and Satisfy of one section, in the order in which they stand."""

    def __init__(self) -> None:
        self.orders: list[tuple[Methods, str]] = []
        self.satisfy: list[tuple[Methods, str]] = []
        self.allows: list[tuple[Methods, Callable[[Facts], bool]]] = []
        self.denies: list[tuple[Methods, Callable[[Facts], bool]]] = []

    def admits(self, facts: Facts) -> bool:
        allowed, denied = (
            any(facts.method in methods and matches(facts) for methods, matches in rules)
            for rules in (self.allows, self.denies)
        )
        match _last(self.orders, facts.method):
            case "allow,deny" | "mutual-failure":
                return allowed and not denied
            case _:
                return allowed or not denied

    def satisfies(self, method: str) -> str:
        return _last(self.satisfy, method)


def _last(rules: list[tuple[Methods, str]], method: str) -> str:
    found = [value for methods, value in rules if method in methods]
    return found[-1] if found else ""


def decide(values: Values, facts: Facts) -> Decision:
    """Who asks, and whether they may have what `values` hold for (server/request.c)."""
    old: Old | None = values.get("old")
    require: Requirement | None = values.get("require")
    if old:
        admitted, either = old.admits(facts), old.satisfies(facts.method) == "any"
        if admitted and either:
            return OPEN
        if not (admitted or either):
            return Decision(403, "client denied by Order, Allow, Deny")
    first = _authorize(require, facts, "", values)
    if first.status != 401:
        return first
    # A user is needed.
    who = _authenticate(values, facts.header("authorization"))
    if who.status:
        return who
    second = _authorize(require, facts, who.user, values)
    if second.status == 0:
        return who
    if second.status == 500:
        return second
    status = 403 if values.get("authz_send_forbidden") else 401
    return Decision(status, f"user {who.user!r}: {second.reason}", challenge=_challenge(values))


def _authorize(require: Requirement | None, facts: Facts, user: str, values: Values) -> Decision:
    """Granted, denied, or 401 where a user might make a difference."""
    if require is None or not (require.parts or require.check):
        return OPEN
    result = require.ask(facts, user, values)
    if result == GRANTED:
        return OPEN
    reason = f"denied by {require.text}" if len(require.parts) != 1 else f"denied by {require.parts[0].text}"
    return Decision(401 if result == NO_USER else 403, reason)


def _challenge(values: Values) -> str:
    realm = str(values.get("auth_name", "")).replace("\\", "\\\\").replace('"', '\\"')
    return f'Basic realm="{realm}"'


def _authenticate(values: Values, authorization: str) -> Decision:
    """The user that an Authorization header proves (RFC 7617; mod_auth_basic, authenticate_basic_user)."""
    if values.get("auth_type") != "Basic":
        return Decision(500, "a user is required, but AuthType Basic, which says how to know one, is missing")
    if "auth_name" not in values:
        return Decision(500, "AuthName is missing: it says what a password is for")
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        return Decision(401, "no Basic credentials", challenge=_challenge(values))
    try:
        raw = binascii.a2b_base64(encoded.strip().encode("ascii", "replace"))
    except ValueError:
        raw = b""
    name, colon, password = raw.partition(b":")
    user = name.decode("utf-8", "surrogateescape")
    file = values.get("auth_user_file")
    if not file:
        return Decision(500, "AuthUserFile is missing: it names the file of users and passwords")
    from . import passwords

    try:
        good = bool(colon) and b"\0" not in raw and passwords.verify(file, user, password)
    except passwords.Unusable as error:
        return Decision(500, str(error))
    if not good:
        return Decision(401, f"user {user!r}: unknown, or another password", challenge=_challenge(values))
    return Decision(0, "", user, "Basic")


# What Require can ask for: each makes a check of its words, or raises ValueError that says what it takes.


def _all(words: list[str]) -> Callable[[Facts, str, Values], str]:
    if len(words) != 1 or words[0].lower() not in ("granted", "denied"):
        raise ValueError("`Require all` is followed by granted or denied")
    result = GRANTED if words[0].lower() == "granted" else DENIED
    return lambda facts, user, values: result


def _user(words: list[str]) -> Callable[[Facts, str, Values], str]:
    names = frozenset(words)
    return lambda facts, user, values: NO_USER if not user else GRANTED if user in names else DENIED


def _valid_user(words: list[str]) -> Callable[[Facts, str, Values], str]:
    return lambda facts, user, values: GRANTED if user else NO_USER


def _group(words: list[str]) -> Callable[[Facts, str, Values], str]:
    wanted = frozenset(words)

    def check(facts: Facts, user: str, values: Values) -> str:
        if not user:
            return NO_USER
        from . import passwords

        file = values.get("auth_group_file")
        return GRANTED if file and wanted & passwords.groups(file, user) else DENIED

    return check


def _ip(words: list[str]) -> Callable[[Facts, str, Values], str]:
    networks = [Network(word) for word in words]
    return lambda facts, user, values: (
        GRANTED if any(facts.client in network for network in networks) else DENIED
    )


def _local(words: list[str]) -> Callable[[Facts, str, Values], str]:
    if words:
        raise ValueError("`Require local` stands alone")

    def check(facts: Facts, user: str, values: Values) -> str:
        same = packed(facts.client) is not None and packed(facts.client) == packed(facts.server)
        return GRANTED if same or is_loopback(facts.client) else DENIED

    return check


def _method(words: list[str]) -> Callable[[Facts, str, Values], str]:
    methods = Methods(("GET" if word == "HEAD" else word for word in words), others=False)
    return lambda facts, user, values: GRANTED if facts.method in methods else DENIED


def _env(words: list[str]) -> Callable[[Facts, str, Values], str]:
    return lambda facts, user, values: GRANTED if any(word in facts.env for word in words) else DENIED


def _host(words: list[str]) -> Callable[[Facts, str, Values], str]:
    domains = [names.host_name(word) for word in words]
    return lambda facts, user, values: GRANTED if any(map(facts.comes_from, domains)) else DENIED


def _forward_dns(words: list[str]) -> Callable[[Facts, str, Values], str]:
    questions = [names.Question(name=names.host_name(word)) for word in words]

    def check(facts: Facts, user: str, values: Values) -> str:
        client = packed(facts.client)
        found = (packed(address) for question in questions for address in facts.look_up(question))
        return GRANTED if client and client in found else DENIED

    return check


def _expr(words: list[str]) -> Callable[[Facts, str, Values], str]:
    raise ValueError("expressions are not known here: write SetEnvIf, and `Require env NAME`")


_KINDS = {
    "all": _all,
    "user": _user,
    "valid-user": _valid_user,
    "group": _group,
    "ip": _ip,
    "local": _local,
    "method": _method,
    "env": _env,
    "host": _host,
    "forward-dns": _forward_dns,
    "expr": _expr,
}


def requirement(words: list[str], methods: Methods) -> Requirement:
    """What `Require` means with these words. Raises ValueError that says what is wrong."""
    text = "Require " + " ".join(words)
    negated = words[0].lower() == "not"
    kind, *rest = words[negated:] or [""]
    make = _KINDS.get(kind)  # as it is written
    if make is None:
        known = [name for name, make in sorted(_KINDS.items()) if make is not _expr]
        raise ValueError(f"`{kind}` is not known here; known are {', '.join(known)}")
    if not rest and kind not in ("valid-user", "local"):
        raise ValueError(f"`Require {kind}` has to name something")
    return Requirement(text, make(rest), negated=negated, methods=methods)


def sources(word: str) -> Callable[[Facts], bool]:
    """Whom a word of `Allow from` or `Deny from` means. Raises ValueError that says what is wrong."""
    if word.lower() == "all":
        return lambda facts: True
    if word[:4].lower() == "env=":
        name, absent = word[4:].removeprefix("!"), word[4:5] == "!"
        return lambda facts: (name in facts.env) != absent
    if word.rpartition(".")[2].strip("0123456789") and not {":", "/"} & {*word}:
        domain = names.host_name(word)
        return lambda facts: facts.comes_from(domain)
    network = Network(word)
    return lambda facts: facts.client in network
