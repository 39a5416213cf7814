#!/usr/bin/env python3
# A standard module thrown out, to have it imported afresh.
# PUT BACK: sys.modules, stat
import stat
import sys

print("Content-Type: text/plain\n")
del sys.modules["stat"]  # here
print(__import__("stat") is stat)
