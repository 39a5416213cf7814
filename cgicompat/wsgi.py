"""The WSGI door: `CGI` gives an application to mount, `app` is one that the environment configures.

    DispatcherMiddleware(site, {"/old": cgicompat.wsgi.CGI("/srv/www")})         # Werkzeug, Flask
    CGICOMPAT_DIRECTORY=/srv/www gunicorn cgicompat.wsgi:app

mod_wsgi and uWSGI find it as `application`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable

from cgicompat.gateways import wsgi
from cgicompat.gateways.target import load
from cgicompat.gateways.wsgi import Environ, StartResponse


class CGI(wsgi.CGI):
    """A WSGI application for a directory, as `cgicompat serve` would serve it, or for one script, which gets
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
    # Made when a server asks for it: `import cgicompat.wsgi` must not read a configuration.
    if name == "app":
        return _configured()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """`app` for servers that look no further than the module's dictionary (mod_wsgi, uWSGI)."""
    return _configured()(environ, start_response)
