#!/usr/bin/env python3
# breakpoint() made harmless.
# PUT BACK: sys.breakpointhook
import sys

print("Content-Type: text/plain\n")
print(sys.breakpointhook is sys.__breakpointhook__)
sys.breakpointhook = lambda *args: None  # here
