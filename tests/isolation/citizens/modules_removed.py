#!/usr/bin/env python3
# A standard module thrown out, to have it imported afresh.
# PUT BACK: sys.modules, textwrap
import sys
import textwrap

print("Content-Type: text/plain\n")
del sys.modules["textwrap"]  # here
print(__import__("textwrap") is textwrap)
