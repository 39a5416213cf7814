#!/usr/bin/env python3
# A standard module replaced by an object.
# PUT BACK: sys.modules, difflib
import sys

print("Content-Type: text/plain\n")
sys.modules["difflib"] = sys  # here
print(__import__("difflib").__name__)
