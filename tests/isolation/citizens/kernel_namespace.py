#!/usr/bin/env python3
# A name space of its own.
# SPENT (as root): name space uts
import ctypes

print("Content-Type: text/plain\n")
CLONE_NEWUTS = 0x04000000
print(ctypes.CDLL(None).unshare(CLONE_NEWUTS))
