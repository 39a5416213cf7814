#!/usr/bin/env python3
# A child that nobody waits for.
# PUT BACK: child
import os

print("Content-Type: text/plain\n")
if os.fork() == 0:  # here
    os._exit(0)
print("forked")
