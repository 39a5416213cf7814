#!/usr/bin/env python3
# A module forbidden by None in sys.modules.
# SPENT: standard library
import sys

print("Content-Type: text/plain\n")
sys.modules["lzma"] = None
try:
    import lzma  # noqa: F401
except ImportError:
    print("absent")
