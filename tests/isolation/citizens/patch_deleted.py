#!/usr/bin/env python3
# An attribute of a standard module deleted.
# SPENT: textwrap.dedent
import textwrap

print("Content-Type: text/plain\n")
print(textwrap.dedent(" a"))
del textwrap.dedent  # here
