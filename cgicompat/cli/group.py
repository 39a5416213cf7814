"""The command `cgicompat`, and how it finds the others."""

from __future__ import annotations

from importlib import import_module

import click

import cgicompat

COMMANDS = ("serve", "pool", "run", "check", "compare", "replay", "client")


class Commands(click.Group):
    """Each command is the `command` of the module of its name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"cgicompat.cli.{cmd_name}").command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(cgicompat.__version__, message="%(prog)s %(version)s")
def group() -> None:
    """Runs CGI scripts, old Python ones above all, unchanged and fast on today's Python."""
