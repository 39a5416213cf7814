"""Writes the runner of each script into cgicompat.toml, and changes nothing else there, comments included.

A section that is there gets its `runner` line changed or added; others are put at the end, where they win
over the patterns before them. The result is read again as settings before it replaces the file; where it
would not say what it shall, or the file is written in a way that this cannot edit, nothing is changed.
"""

from __future__ import annotations

import os
import re
import tempfile
import tomllib

from cgicompat import config
from cgicompat.compare.case import CompareError

_HEADER = re.compile(r"^\s*\[\[?.*\]\]?\s*(#.*)?$")
_RUNNER = re.compile(r"^(\s*runner\s*=\s*)(\"[^\"]*\"|'[^']*')", re.MULTILINE)


def write(file: str, directory: str, runners: dict[str, str]) -> None:
    """Sets the runners of scripts, by absolute file name, in `file`, the configuration of `directory`.
    Raises CompareError."""
    try:
        with open(file, encoding="utf-8", newline="") as stream:
            text = stream.read()
            mode = os.fstat(stream.fileno()).st_mode & 0o777
    except FileNotFoundError:
        text, mode = "", 0o644
    except (OSError, UnicodeDecodeError) as error:
        raise CompareError(f"{file}: {error}") from None
    for script, runner in runners.items():
        try:
            script.encode()
        except UnicodeEncodeError:
            raise CompareError(f"{script!a} is not UTF-8, as names in TOML are") from None
        text = _with_runner(text, script.removeprefix(directory.rstrip("/")), runner)
    try:
        _replace(file, text, mode, directory, runners)
    except OSError as error:
        raise CompareError(f"{file} cannot be written: {error.strerror}") from None


def _with_runner(text: str, path: str, runner: str) -> str:
    lines = text.splitlines(keepends=True)
    start = next((i for i, line in enumerate(lines) if _names(line, path)), None)
    if start is None:
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        return f'{text}{gap}[script.{_quoted(path)}]\nrunner = "{runner}"\n'
    end = next((i for i in range(start + 1, len(lines)) if _HEADER.match(lines[i])), len(lines))
    section = "".join(lines[start + 1 : end])
    changed, found = _RUNNER.subn(rf'\g<1>"{runner}"', section, count=1)
    if not found:
        changed = f'runner = "{runner}"\n' + section
    first = lines[start] if lines[start].endswith("\n") else lines[start] + "\n"
    return "".join([*lines[:start], first, changed, *lines[end:]])


def _names(line: str, path: str) -> bool:
    """Is it the header of this script's section?"""
    if not _HEADER.match(line):
        return False
    try:
        table = tomllib.loads(line).get("script", {})
    except tomllib.TOMLDecodeError:
        return False
    return isinstance(table, dict) and list(table) == [path] and table[path] == {}


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = "".join(
        f"\\u{ord(character):04X}" if ord(character) < 32 or ord(character) == 127 else character
        for character in text.replace("\\", "\\\\").replace('"', '\\"')
    )
    return f'"{escaped}"'


def _replace(file: str, text: str, mode: int, directory: str, runners: dict[str, str]) -> None:
    file = os.path.realpath(file)
    fd, temporary = tempfile.mkstemp(prefix=".cgicompat-", suffix=".toml", dir=os.path.dirname(file))
    try:
        with open(fd, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        os.chmod(temporary, mode)
        try:
            settings = config.load(directory, {"config": temporary}, {})
            wrong = [name for name, runner in runners.items() if settings.for_script(name).runner != runner]
        except config.ConfigError:
            wrong = list(runners)
        if wrong:
            raise CompareError(
                f"{file} is not changed: its sections cannot be edited so that {wrong[0]} has the runner "
                f"{runners[wrong[0]]}; please do it by hand"
            )
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise
