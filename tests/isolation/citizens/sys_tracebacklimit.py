#!/usr/bin/env python3
# No tracebacks for visitors.
# PUT BACK: sys.tracebacklimit
import sys

print("Content-Type: text/plain\n")
print(hasattr(sys, "tracebacklimit"))
sys.tracebacklimit = 0  # here
