"""`cgicompat pool`: reads the configuration, then becomes the master, in the same process.

To reload, the master runs this very command line again, so that the configuration is read again; before it
does, it has it checked by a child with `--check`.
"""

from __future__ import annotations

import errno
import sys

import click

from cgicompat import bare, config, identity
from cgicompat.cli import options

_LOOKING = 1.0  # seconds


@click.command("pool", short_help="Run a pool of workers for nginx, Apache or the other doors.")
@options.directory
@options.flags("pool")
@click.option("--check", is_flag=True, hidden=True)
def command(directory: str | None, check: bool, **flags: object) -> None:
    """Runs the scripts of DIR (the working directory unless given) for whoever speaks SCGI to it.

    \b
    HUP reloads scripts and configuration; no request fails.
    TERM lets running requests end. INT does too, and twice stops at once.
    """
    settings = options.load(directory, flags)
    if settings.socket is None:
        raise options.Mistake(
            "where to listen? --bind unix:PATH or HOST:PORT, or `socket` in the configuration"
        )
    from cgicompat.apache.reading import Mistake
    from cgicompat.apache.site import Apache
    from cgicompat.pool import exec_master, filelimit

    try:
        apache = Apache(settings, lambda line: None)
    except Mistake as error:
        raise options.Mistake(str(error)) from None
    try:
        filelimit.check(settings)
        identity.check(settings.user, settings.group)
    except OSError as error:
        raise options.Failure(str(error)) from None
    if check:
        import cgicompat.pool.master  # noqa: F401  # code that is being replaced may not be whole yet

        return
    address = config.split_address(settings.socket)
    if isinstance(address, tuple) and address[0] not in ("localhost", "::1") and address[0][:4] != "127.":
        click.echo(
            f"Whoever can connect to {settings.socket} can run these scripts: mind the firewall.", err=True
        )

    if not bare.is_inherited():
        if not settings.htaccess:
            click.echo("Option htaccess is off: no .htaccess is obeyed, whatever it forbids.", err=True)
        if apache.ignored:
            click.echo(
                f"{settings.apache_conf}: {len(apache.ignored)} directives ignored: "
                + ", ".join(apache.ignored[:20]),
                err=True,
            )
        from cgicompat.cli import report
        from cgicompat.survey import survey

        for line in report.faults(settings, survey(settings, _LOOKING)):
            click.echo(line, err=True)
    if identity.wanted(settings.user, settings.group)[0] == 0 and not bare.is_inherited():
        click.echo(identity.ROOT, err=True)
    try:
        exec_master(settings, [sys.executable, *sys.orig_argv[1:]])
    except OSError as error:
        if error.errno is None:
            raise options.Failure(str(error)) from None
        raise options.Failure(f"cannot listen on {settings.socket}: {_why(error)}") from None


def _why(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "its directory does not exist: make it, or choose another by --bind"
    if error.errno == errno.EACCES:
        return "no permission: choose another by --bind, or start as another user"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have that address"
    return error.strerror or str(error)
