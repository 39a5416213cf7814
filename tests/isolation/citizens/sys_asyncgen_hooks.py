#!/usr/bin/env python3
# Hooks for asynchronous generators.
# PUT BACK: asyncgen
import sys

print("Content-Type: text/plain\n")
print(sys.get_asyncgen_hooks().firstiter)
sys.set_asyncgen_hooks(firstiter=lambda generator: None)  # here
