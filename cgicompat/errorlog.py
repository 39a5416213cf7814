"""What processes of scripts say themselves in the error log."""

from __future__ import annotations

import os


def log(line: str) -> None:
    """Write a line of ours to the error log, among what the script writes to stderr."""
    try:
        os.write(2, f"cgicompat: {line}\n".encode("utf-8", "replace"))
    except OSError:
        pass  # nobody reads it
