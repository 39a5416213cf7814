#!/usr/bin/env python3
# Another display hook.
# PUT BACK: sys.displayhook
import sys

print("Content-Type: text/plain\n")
print(sys.displayhook is sys.__displayhook__)
sys.displayhook = print  # here
