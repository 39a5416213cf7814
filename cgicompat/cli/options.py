"""Flags from the table of options, and the settings that come of them.

The flags' values stay as they were written: config parses them as it does a file's, so that both are judged,
and refused, by the same words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from cgicompat import config
from cgicompat.config import ConfigError, Option, Settings

F = TypeVar("F", bound=Callable[..., Any])


class Failure(click.ClickException):
    """What ends a command with one line on stderr and exit status 1: it could not be done."""


class Mistake(Failure):
    """The same with exit status 2: it was not to be done in this way."""

    exit_code = 2


def _complete(ctx: click.Context, parameter: click.Parameter, begun: str) -> list[CompletionItem]:
    """The words of a metavar `this|that`, or files, for the shell to offer."""
    if parameter.metavar == "FILE":
        return click.Path().shell_complete(ctx, parameter, begun)
    words = (parameter.metavar or "").split("|")
    return [CompletionItem(word) for word in words if word.islower() and word.startswith(begun)]


def directory(function: F) -> F:
    """The argument DIR."""
    return click.argument("directory", metavar="[DIR]", required=False, type=click.Path())(function)


def flags(command: str) -> Callable[[F], F]:
    """The flags of one command, as keyword arguments named as the attributes of Settings."""

    def decorate(function: F) -> F:
        for option in reversed(config.OPTIONS):
            if command in option.commands:
                function = _flag(option)(function)
        text = f"Configuration file.  [default: {config.FILE_NAME} in DIR]"
        return click.option("--config", metavar="FILE", shell_complete=_complete, help=text)(function)

    return decorate


def _flag(option: Option) -> Callable[[F], F]:
    text = option.help
    if option.adds_up:
        text += " May be repeated."
    if option.switch:
        return click.option(f"--{option.name}/--no-{option.name}", option.attribute, default=None, help=text)
    if option.default:
        text += f"  [default: {option.default}]"
    return click.option(
        f"--{option.flag}",
        option.attribute,
        metavar=option.metavar,
        multiple=option.adds_up,
        shell_complete=_complete,
        help=text,
    )


def load(directory: str | None, flags: Mapping[str, object]) -> Settings:
    """The settings of this call. Raises Mistake."""
    try:
        return config.load(directory, flags)
    except ConfigError as error:
        raise Mistake(str(error)) from None
