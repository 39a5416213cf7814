#!/usr/bin/env python3
# Descriptors that do not wait.
# PUT BACK
import os

print("Content-Type: text/plain\n")
print([os.get_blocking(fd) for fd in (0, 1, 2)])
for fd in (0, 1, 2):
    os.set_blocking(fd, False)
