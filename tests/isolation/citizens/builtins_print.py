#!/usr/bin/env python3
# print() replaced by one that escapes HTML.
# PUT BACK: builtins.print
import builtins
import html

print("Content-Type: text/plain\n")
original = builtins.print


def safe(*values):
    original(*[html.escape(str(value)) for value in values])


builtins.print = safe  # here
print("a < b")
