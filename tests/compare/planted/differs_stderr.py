#!/usr/bin/env python3
# Complains in other words.
import sys

print("a pool!" if "cgicompat.runners.warm" in sys.modules else "alone!", file=sys.stderr)
print("Content-Type: text/plain\n\nsee the log")
