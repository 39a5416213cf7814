#!/usr/bin/env python3
# A standard module replaced by an object.
# SPENT: standard library
import sys

print("Content-Type: text/plain\n")
sys.modules["difflib"] = sys
print(__import__("difflib").__name__)
