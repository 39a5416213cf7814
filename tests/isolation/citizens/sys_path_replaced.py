#!/usr/bin/env python3
# sys.path replaced by another list.
# PUT BACK: sys.path
import sys

print("Content-Type: text/plain\n")
print("/usr/local/lib/shop" in sys.path)
sys.path = ["/usr/local/lib/shop", *sys.path]  # here
