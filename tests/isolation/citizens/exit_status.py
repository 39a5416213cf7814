#!/usr/bin/env python3
# An exit status.
# PUT BACK
import sys

print("Content-Type: text/plain\n")
print("done")
sys.exit(3)
