#!/usr/bin/env python3
# A builtin deleted, as a sandbox of its day did.
# PUT BACK: builtins.input
import builtins

print("Content-Type: text/plain\n")
print(builtins.input.__name__)
del builtins.input  # here
