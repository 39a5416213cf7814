"""The ASGI door: `CGI` gives an application to mount, `app` is one that the environment configures.

app.mount("/old", cgicompat.asgi.CGI("/srv/www"))                      # Starlette, FastAPI
CGICOMPAT_DIRECTORY=/srv/www uvicorn cgicompat.asgi:app
"""

from __future__ import annotations

import functools
import os

from cgicompat.gateways import asgi
from cgicompat.gateways.target import load


class CGI(asgi.CGI):
    """An ASGI application for a directory, as `cgicompat serve` would serve it, or for one script, which gets
    every path below the mount as its PATH_INFO.

    Without an argument it is what CGICOMPAT_DIRECTORY names, or the working directory. `options` are those of
    the configuration, with underscores (timeout=30, runner="cgihandler"); they override CGICOMPAT_* variables
    and cgicompat.toml. With `listing` a directory without index.html shows what it holds. Raises
    cgicompat.config.ConfigError.
    """

    def __init__(
        self,
        directory_or_script: str | os.PathLike[str] | None = None,
        *,
        listing: bool = False,
        **options: object,
    ) -> None:
        settings, script = load(directory_or_script, options)
        super().__init__(settings, script=script, listing=listing)


@functools.cache
def _configured() -> CGI:
    return CGI()


def __getattr__(name: str) -> CGI:
    # Made when a server asks for it: `import cgicompat.asgi` must not read a configuration.
    if name == "app":
        return _configured()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
