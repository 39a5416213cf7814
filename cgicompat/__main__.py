"""`python -m cgicompat`."""

from __future__ import annotations

from cgicompat.cli import main

main()
