"""The command line: a click command in each module, imported only when it is called."""

from __future__ import annotations


def main() -> None:
    """The entry point of the command `cgicompat`; ends the process with the command's exit status."""
    from cgicompat.cli.group import group

    group.main(prog_name="cgicompat")
