#!/usr/bin/env python3
# sys.argv filled in for a library that wants to parse it.
# PUT BACK: sys.argv
import sys

print("Content-Type: text/plain\n")
print(len(sys.argv))
sys.argv[1:] = ["--quiet", "/tmp"]  # here
