#!/usr/bin/env python3
# Shows what else is in its process.
import sys

print("Content-Type: text/plain\n\nfirst line")
print("in a pool" if "cgicompat.runners.warm" in sys.modules else "alone")
