"""Entries of the error log."""

from __future__ import annotations

import os
import re

import pytest

from cgicompat.pool.log import Log

CHAINED = """Traceback (most recent call last):
  File "a.py", line 1, in <module>
    a()
KeyError: 'cause'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 2, in <module>
ValueError: first line
second line
[2026-01-01 10:00:00] other: forged
"""
SYNTAX = '  File "a.py", line 3\n    print "x"\n    ^^^^\nSyntaxError: no\n'
WARNING = "a.py:4: SyntaxWarning: hm\n  x is 1\n"


@pytest.fixture
def written(tmp_path, monkeypatch):
    """What a Log writes."""
    file = os.open(tmp_path / "log", os.O_RDWR | os.O_CREAT)
    real = os.write
    monkeypatch.setattr("cgicompat.pool.log.os.write", lambda fd, data: real(file if fd == 2 else fd, data))
    yield lambda: (tmp_path / "log").read_text()
    os.close(file)


def entries(text: str) -> list[str]:
    """Without their times."""
    return re.findall(r"^\[[\d-]+ [\d:]+\] (.*(?:\n  .*)*)\n", text, re.MULTILINE)


@pytest.mark.parametrize("text", [CHAINED, SYNTAX, WARNING])
@pytest.mark.parametrize("by_line", [False, True])
def test_a_traceback_is_one_entry(written, text, by_line):
    log = Log()
    log.stderr(1, "a", b"before\n")
    for line in text.splitlines(keepends=True) if by_line and text != CHAINED else [text]:
        log.stderr(1, "a", line.encode())
    log.stderr(1, "a", b"cgicompat: exit status 1\n")
    body = text.rstrip("\n").replace("\n", "\n  ")
    assert entries(written()) == ["a: before", f"a: {body}", "a: cgicompat: exit status 1"]


def test_lines_that_are_none_are_entries_of_their_own(written):
    log = Log()
    log.stderr(1, "a", b"one\ntwo\n")
    log.stderr(2, "a", b"  three\n")
    log.write("four")
    log.stderr(2, "a", b"Traceback (most recent call last):\n  File x\n")
    log.stderr(1, "b", b"five\n")
    log.stderr(2, "a", b"KeyError: 6\n")
    log.stderr(2, "a", b"seven\n\x1b\r\n")
    assert entries(written()) == [
        "a: one",
        "a: two",
        "a:   three",
        "cgicompat: four",
        "b: five",
        "a: Traceback (most recent call last):\n    File x\n  KeyError: 6",
        "a: seven",
        "a: ?",
    ]


def test_half_a_traceback_does_not_wait_for_long(written):
    log = Log()
    log.stderr(1, "a", b"Traceback (most recent call last):\n  File x\n")
    log.keep_time(log.due - 0.01)
    assert written() == ""
    log.keep_time(log.due)
    assert entries(written()) == ["a: Traceback (most recent call last):\n    File x"]
