"""What the Python that runs the tests is like."""

from __future__ import annotations

import sys

import pytest


def unless_built_in(*values: str) -> object:
    """Parameters of a case that begin with a module's name: skipped where the module is built in, as `select`
    is in Debian's Python, since no file can come before it there."""
    built_in = values[0] in sys.builtin_module_names
    return pytest.param(*values, marks=pytest.mark.skipif(built_in, reason="built into this Python"))
