#!/usr/bin/env python3
# The descriptors above 2 closed, the way to become a daemon.
# PUT BACK
import os

print("Content-Type: text/plain\n")
print("closing")
os.closerange(3, 32)
