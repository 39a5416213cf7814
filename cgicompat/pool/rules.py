"""Which environment variables a preloaded library may have read at its import."""

from __future__ import annotations

from cgicompat.request import host_environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cgicompat.config import Settings

# How names of variables begin that a request brings: RFC 3875 section 4.1, and what Apache and nginx add.
_OF_REQUESTS = (
    *("AUTH_", "CONTENT_", "CONTEXT_", "DOCUMENT_", "FCGI_", "GATEWAY_INTERFACE", "GEOIP_", "HTTP_", "HTTPS"),
    *(
        "PATH_INFO",
        "PATH_TRANSLATED",
        "QUERY_STRING",
        "REDIRECT_",
        "REMOTE_",
        "REQUEST_",
        "SCRIPT_",
        "SERVER_",
    ),
    *("SCGI", "SSL_", "UNIQUE_ID"),
)


class Rules:
    """What scripts have in their environment: `environ` before a request adds to it."""

    def __init__(self, settings: Settings, host: dict[str, str]):
        self.environ = {**host_environ(host), **settings.env}
        self._varying = settings.varying

    def forbid(self, names: Iterable[bytes], whole: bool) -> Iterator[str]:
        """Why a library is not to be shared that reads these variables at its import."""
        if whole:
            yield "reads the whole environment"
        for name in sorted(name.decode("utf-8", "surrogateescape") for name in names):
            if name.startswith(_OF_REQUESTS):
                yield f"reads {name}, which is each request's own"
            elif name in self._varying:
                yield f"reads {name}, which not all scripts have alike"
