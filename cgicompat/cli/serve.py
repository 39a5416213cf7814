"""`cgicompat serve`: HTTP by uvicorn, scripts by a pool of our own, in one command.

Whatever can fail fails before the first process is started, in one line that says what to do. Standard output
has the access log and nothing else; the report at the start and the error log go to standard error.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from cgicompat import identity
from cgicompat.cli import options
from cgicompat.config import Settings

if TYPE_CHECKING:
    from cgicompat.cli.accesslog import AccessLog
    from cgicompat.console.app import Console


@click.command("serve", short_help="Serve a directory of scripts by HTTP.")
@options.directory
@options.flags("serve")
def command(directory: str | None, **flags: object) -> None:
    """Serves the scripts and files of DIR (the working directory unless given).

    Scripts are all files in cgi-bin and htbin, and elsewhere *.cgi and executable *.py.
    """
    serve(lambda: options.load(directory, flags))


def serve(read: Callable[[], Settings]) -> None:
    """Serves by the settings that `read` finds, now and at each reload, until a signal ends it. Raises
    Failure."""
    import logging
    import math

    import uvicorn

    from cgicompat.apache.reading import Mistake
    from cgicompat.cli import accesslog, httpd, report
    from cgicompat.cli.reload import Reload
    from cgicompat.environ import SOFTWARE
    from cgicompat.gateways.asgi import CGI
    from cgicompat.survey import survey

    settings = read()
    try:
        form = accesslog.compile_format(settings.log_format)
    except ValueError as error:
        raise options.Mistake(f"log-format = {settings.log_format!r}: {error}") from None
    httpd.check_certificate(settings.certfile, settings.keyfile)
    if settings.console:
        _check_console(settings)
    sockets = httpd.listen(settings.bind, settings.port)
    port = sockets[0].getsockname()[1]
    logging.basicConfig(
        format="[%(asctime)s] %(message)s", datefmt="%Y-%m-%d %H:%M:%S", level=logging.WARNING
    )
    logging.getLogger("uvicorn.error").addFilter(httpd.quiet)
    settings = settings.but(socket=None)  # it starts a pool of its own, and another should that be killed
    with contextlib.ExitStack() as stack:
        try:
            app = CGI(settings)
        except Mistake as error:
            raise options.Mistake(str(error)) from None
        served: AccessLog | Console = accesslog.AccessLog(app, form)
        if settings.console:
            from cgicompat.console.app import Console, Watched
            from cgicompat.console.figures import Book
            from cgicompat.console.tap import Tap

            book = Book()
            stack.callback(Tap(book.add_line).close)
            app = watched = Watched(settings, book)
            served = Console(accesslog.AccessLog(app, form), watched, port)
        config = uvicorn.Config(
            served,
            http=httpd.Protocol,
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            headers=[("server", SOFTWARE)],
            backlog=httpd.BACKLOG,
            timeout_graceful_shutdown=math.ceil(settings.grace),
            ssl_certfile=settings.certfile,
            ssl_keyfile=settings.keyfile,
        )
        config.load()  # the certificate's key may be for root's eyes alone
        _become(settings)
        if settings.record:
            _check_recordings(settings.record)
        stack.callback(lambda: app.pools.close())  # that of the last reload
        try:
            app.pools.address()
        except OSError as error:
            raise options.Failure(f"cannot start the pool: {error}") from None
        config.limit_concurrency = httpd.raise_file_limit()
        found = survey(settings)
        reload = Reload(app, read)
        httpd.Server(
            config, lambda: report.show(settings, port, found, app.site.access.ignored), reload.run
        ).run(sockets)


def _become(settings: Settings) -> None:
    try:
        identity.become(settings.user, settings.group)
    except OSError as error:
        raise options.Failure(str(error)) from None


def _check_console(settings: Settings) -> None:
    """Raises Mistake where it must not be shown, Failure where it cannot."""
    from cgicompat.console.gate import is_loopback

    if not is_loopback(settings.bind):
        raise options.Mistake(
            f"--console with --bind {settings.bind}: others could reach it; "
            "choose an address of this machine alone, as --bind 127.0.0.1"
        )
    if importlib.util.find_spec("jinja2") is None:
        raise options.Failure("--console needs jinja2: pip install 'cgicompat[html]'")


def _check_recordings(directory: str) -> None:
    from cgicompat.recordings.recording import make_directory

    try:
        make_directory(directory)
    except OSError as error:
        raise options.Failure(f"cannot record into {directory}: {error.strerror}") from None
