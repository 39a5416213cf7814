#!/usr/bin/env python3
# sys.stderr sent nowhere.
# PUT BACK
import os
import sys

print("Content-Type: text/plain\n")
sys.stderr = open(os.devnull, "w")
print("lost", file=sys.stderr)
print("done")
