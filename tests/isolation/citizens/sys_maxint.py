#!/usr/bin/env python3
# A name of Python 2 put back into sys by a port.
# PUT BACK: sys.maxint
import sys

print("Content-Type: text/plain\n")
print(hasattr(sys, "maxint"))
sys.maxint = sys.maxsize  # here
