"""`cgicompat serve`: HTTP by uvicorn, scripts by a pool of our own, in one command.

Whatever can fail fails before the first process is started, in one line that says what to do. Standard output
has the access log and nothing else; the report at the start and the error log go to standard error.
"""

from __future__ import annotations

import click

from cgicompat.cli import options
from cgicompat.config import Settings


@click.command("serve", short_help="Serve a directory of scripts by HTTP.")
@options.directory
@options.flags("serve")
def command(directory: str | None, **flags: object) -> None:
    """Serves the scripts and files of DIR (the working directory unless given).

    Scripts are all files in cgi-bin and htbin, and elsewhere *.cgi and executable *.py.
    """
    settings = options.load(directory, flags)
    serve(settings)


def serve(settings: Settings) -> None:
    """Serves until a signal ends it. Raises Failure."""
    import logging
    import math

    import uvicorn

    from cgicompat.cli import accesslog, httpd, report
    from cgicompat.cli.scripts import survey
    from cgicompat.environ import SOFTWARE
    from cgicompat.gateways.asgi import CGI

    try:
        form = accesslog.compile_format(settings.log_format)
    except ValueError as error:
        raise options.Mistake(f"log-format = {settings.log_format!r}: {error}") from None
    httpd.check_certificate(settings.certfile, settings.keyfile)
    sockets = httpd.listen(settings.bind, settings.port)
    logging.basicConfig(
        format="[%(asctime)s] %(message)s", datefmt="%Y-%m-%d %H:%M:%S", level=logging.WARNING
    )
    logging.getLogger("uvicorn.error").addFilter(httpd.quiet)
    app = CGI(settings.but(socket=None))  # which starts a pool of its own, and another should that be killed
    try:
        try:
            app.pools.address()
        except OSError as error:
            raise options.Failure(f"cannot start the pool: {error}") from None
        config = uvicorn.Config(
            accesslog.AccessLog(app, form),
            http=httpd.Protocol,
            ws="none",
            interface="asgi3",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            headers=[("server", SOFTWARE)],
            backlog=httpd.BACKLOG,
            limit_concurrency=httpd.raise_file_limit(),
            timeout_graceful_shutdown=math.ceil(settings.grace),
            ssl_certfile=settings.certfile,
            ssl_keyfile=settings.keyfile,
        )
        found = survey(settings)
        port = sockets[0].getsockname()[1]
        httpd.Server(config, lambda: report.show(settings, port, found)).run(sockets)
    finally:
        app.pools.close()
