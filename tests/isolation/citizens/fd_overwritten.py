#!/usr/bin/env python3
# All files there might be pointed at nothing, as a daemon does that has it from an old book.
# SPENT: descriptors
import os

print("Content-Type: text/plain\n", flush=True)
nothing = os.open("/dev/null", os.O_RDWR)
for fd in range(3, 256):
    if fd != nothing:
        os.dup2(nothing, fd)  # here
