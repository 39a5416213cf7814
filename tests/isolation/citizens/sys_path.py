#!/usr/bin/env python3
# A directory put at the front of sys.path.
# PUT BACK: sys.path
import sys

print("Content-Type: text/plain\n")
print("/usr/local/lib/shop" in sys.path)
sys.path.insert(0, "/usr/local/lib/shop")  # here
