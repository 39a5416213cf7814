#!/usr/bin/env python3
# An errno left behind.
# PUT BACK: errno
import ctypes

print("Content-Type: text/plain\n")
print(ctypes.get_errno())
ctypes.set_errno(13)  # here
