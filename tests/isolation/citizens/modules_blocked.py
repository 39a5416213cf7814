#!/usr/bin/env python3
# A module forbidden by None in sys.modules.
# PUT BACK: sys.modules, lzma
import sys

print("Content-Type: text/plain\n")
sys.modules["lzma"] = None  # here
try:
    import lzma  # noqa: F401
except ImportError:
    print("absent")
