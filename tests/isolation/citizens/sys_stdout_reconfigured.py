#!/usr/bin/env python3
# sys.stdout made to speak Latin-1.
# PUT BACK
import sys

print("Content-Type: text/plain\n")
print(sys.stdout.encoding)
sys.stdout.reconfigure(encoding="latin-1")
print("caf\u00e9")
