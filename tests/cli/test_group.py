"""The command itself: help, version, completion, and that nothing is imported in vain."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

import cgicompat
from cgicompat.cli.group import COMMANDS, group
from cgicompat.config import OPTIONS


def test_version() -> None:
    result = CliRunner().invoke(group, ["--version"], prog_name="cgicompat")
    assert (result.exit_code, result.output) == (0, f"cgicompat {cgicompat.__version__}\n")


def test_help_lists_the_commands() -> None:
    output = CliRunner().invoke(group, ["--help"]).output
    for command in COMMANDS:
        assert f"\n  {command} " in output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_a_flag_where_it_should_be(command: str) -> None:
    output = CliRunner().invoke(group, [command, "--help"], terminal_width=200).output
    of_this = {option.flag for option in OPTIONS if command in option.commands}
    others = {option.flag for option in OPTIONS} - of_this
    assert {flag for flag in of_this | others if f" --{flag} " in output} == of_this


def test_an_unknown_command() -> None:
    result = CliRunner().invoke(group, ["sevre"])
    assert result.exit_code == 2
    assert "No such command 'sevre'" in result.output


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("cgicompat ", [f"plain,{command}" for command in COMMANDS]),
        ("cgicompat serve --runner c", ["plain,cgihandler", "plain,cgi"]),
        ("cgicompat serve --cwd ", ["plain,script", "plain,root"]),
        ("cgicompat serve --certfile x", ["file,x"]),
        ("cgicompat serve --timeout ", []),
    ],
)
def test_the_shell_completes(words: str, offered: list[str]) -> None:
    env = {
        **os.environ,
        "_CGICOMPAT_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    run = subprocess.run(
        [sys.executable, "-m", "cgicompat"], env=env, capture_output=True, text=True, check=True
    )
    assert [line for line in run.stdout.splitlines() if line] == offered


def test_run_imports_no_server() -> None:
    code = "import sys; import cgicompat.cli.run; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"rich", "uvicorn", "asyncio", "starlette", "tomllib"} & set(run.stdout.split())
