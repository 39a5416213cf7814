#!/usr/bin/env python3
# A helper put into builtins, for every module of the site to have.
# PUT BACK: builtins.shout
import builtins

print("Content-Type: text/plain\n")
print(hasattr(builtins, "shout"))
builtins.shout = str.upper  # here
