"""The variables of a CGI request (RFC 3875 section 4.1) from an HTTP request.

Only what belongs to the request: the worker adds what scripts may see of the host's environment. Text is as
in os.environ, UTF-8 with surrogateescape. Where the RFC leaves a choice we take Apache's, so PATH_INFO is
absent rather than empty, and SERVER_NAME and SERVER_PORT are those that the client used.
"""

from __future__ import annotations

from cgicompat import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

SOFTWARE = f"cgicompat/{__version__}"

# The first two have variables of their own; bodies arrive decoded; scripts would take HTTP_PROXY for the one
# to use (httpoxy); the last is a password that was meant for a proxy.
_NOT_HTTP = {"content-length", "content-type", "transfer-encoding", "proxy", "proxy-authorization"}
_HOST = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_")
_ADDRESS = frozenset("abcdef0123456789:.")

# What is no header: RFC 3875 section 4.1, and what Apache, nginx and lighttpd add.
_OF_REQUEST = frozenset(
    (
        *("AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE", "GATEWAY_INTERFACE", "PATH_INFO", "PATH_TRANSLATED"),
        *("QUERY_STRING", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_IDENT", "REMOTE_USER", "REQUEST_METHOD"),
        *("SCRIPT_NAME", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE"),
        *("CONTEXT_DOCUMENT_ROOT", "CONTEXT_PREFIX", "DOCUMENT_ROOT", "DOCUMENT_URI", "HTTPS", "REMOTE_PORT"),
        *("REQUEST_SCHEME", "REQUEST_URI", "SCGI", "SCRIPT_FILENAME", "SCRIPT_URI", "SCRIPT_URL"),
        *("SERVER_ADDR", "SERVER_ADMIN", "SERVER_SIGNATURE", "UNIQUE_ID"),
    )
)
_SSL = ("SSL_CIPHER", "SSL_CLIENT_", "SSL_PROTOCOL", "SSL_SERVER_", "SSL_SESSION_", "SSL_TLS_SNI")


def is_of_request(name: str) -> bool:
    """Whether a variable says something of a request, and nothing to programs: HTTP_PROXY does (httpoxy), and
    SSL_CERT_FILE."""
    if name.startswith("HTTP_"):
        return name != "HTTP_PROXY"
    return name in _OF_REQUEST or name.startswith(("REDIRECT_", *_SSL))


def build(
    *,
    method: str,
    protocol: str,
    scheme: str,
    uri: str,
    query: str,
    headers: Iterable[tuple[str, str]],
    filename: str,
    script_name: str,
    path_info: str,
    document_root: str,
    server: tuple[str, int] | None,
    client: tuple[str, int] | None,
    length: int,
    user: str = "",
    auth_type: str = "",
    pass_authorization: bool = False,
) -> dict[str, str]:
    """Variables for one request.

    `uri` is the request target as sent, path and query, percent-encoded; `query` is the script's, which
    differs after a local redirect. `script_name` (the mount included) and `path_info` are decoded. `headers`
    are pairs in order, names in any case. `server` and `client` are address (or name) and port (or 0), None
    where the connection has none (a unix socket). `length` is the number of bytes that follow. `user` is whom
    the server in front knows by `auth_type`.
    """
    merged = _merge(headers)
    name, port = _authority(merged.get("host", ""), scheme, server)
    environ = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": SOFTWARE,
        "SERVER_PROTOCOL": protocol,
        "SERVER_NAME": name,
        "SERVER_PORT": port,
        "REQUEST_SCHEME": scheme,
        "REQUEST_METHOD": method,
        "REQUEST_URI": uri,
        "QUERY_STRING": query,
        "SCRIPT_NAME": script_name,
        "SCRIPT_FILENAME": filename,
        "DOCUMENT_ROOT": document_root,
        "REMOTE_ADDR": _plain(client[0]) if client else "",
    }
    if scheme == "https":
        environ["HTTPS"] = "on"
    if server and _ADDRESS.issuperset(server[0]):
        environ["SERVER_ADDR"] = _plain(server[0])
    if client and client[1]:
        environ["REMOTE_PORT"] = str(client[1])
    if path_info:
        environ["PATH_INFO"] = path_info
        environ["PATH_TRANSLATED"] = document_root + path_info
    if user:
        environ["REMOTE_USER"] = user
    if auth_type:
        environ["AUTH_TYPE"] = auth_type
    if length or "content-length" in merged or "transfer-encoding" in merged:
        environ["CONTENT_LENGTH"] = str(length)
    if "content-type" in merged:
        environ["CONTENT_TYPE"] = merged["content-type"]
    for header, value in merged.items():
        if header not in _NOT_HTTP and (header != "authorization" or pass_authorization):
            environ["HTTP_" + header.upper().replace("-", "_")] = value
    return environ


def _merge(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """One value a name, by RFC 3875 4.1.18. A name with an underscore could pose as one with a dash, and any
    other sign makes no variable name: dropped, as Apache does."""
    merged: dict[str, str] = {}
    for name, value in headers:
        if name.isascii() and name.replace("-", "0").isalnum():
            name = name.lower()
            if name in merged:
                value = merged[name] + ("; " if name == "cookie" else ", ") + value
            merged[name] = value
    return merged


def _plain(address: str) -> str:
    """An IPv4 address without the disguise in which an IPv6 socket shows it."""
    return address[7:] if address.startswith("::ffff:") and "." in address else address


def _authority(host: str, scheme: str, server: tuple[str, int] | None) -> tuple[str, str]:
    """SERVER_NAME and SERVER_PORT: of the Host header where it is well-formed, else of the connection."""
    name, port = split_host(host) or ("", "")
    if not name:
        name = _plain(server[0]) if server else "localhost"
        name = f"[{name}]" if ":" in name else name
    if not port:
        port = str(server[1]) if server else "443" if scheme == "https" else "80"
    return name, port


def split_host(host: str) -> tuple[str, str] | None:
    """Name, in lower case, and port (or "") of a Host header; None where it is malformed to Apache, too."""
    name, colon, port = host.lower().rpartition(":")
    if not colon or port.endswith("]"):
        name, port = host.lower(), ""
    if name.startswith("[") and name.endswith("]"):
        good = len(name) > 2 and _ADDRESS.issuperset(name[1:-1])
    else:
        name = name.removesuffix(".")
        good = name != "" and _HOST.issuperset(name) and ".." not in name
    if port:
        good = good and port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536
    return (name, port) if good else None
