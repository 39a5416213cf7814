"""The ways in which a file changes under a running server."""

from __future__ import annotations

import os
from pathlib import Path


def newer(file: Path, text: str) -> None:
    later = file.stat().st_mtime + 10
    file.write_text(text)
    os.utime(file, (later, later))


def older(file: Path, text: str) -> None:
    earlier = file.stat().st_mtime - 10
    file.write_text(text)
    os.utime(file, (earlier, earlier))


def within_the_second(file: Path, text: str) -> None:
    """A nanosecond later, and not a byte longer."""
    before = file.stat().st_mtime_ns
    file.write_text(text)
    os.utime(file, ns=(before, before + 1))


def by_rename(file: Path, text: str) -> None:
    """Another file of the same age and size."""
    before = file.stat()
    new = file.with_name("new")
    new.write_text(text)
    new.chmod(before.st_mode)
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.rename(file)


def restored(file: Path, text: str) -> None:
    """In place, with the time stamp that the file had before, as rsync --inplace --times does."""
    before = file.stat()
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = (newer, older, within_the_second, by_rename, restored)
