#!/usr/bin/env python3
# Files for the group too.
# PUT BACK: umask
import os

print("Content-Type: text/plain\n")
previous = os.umask(0o002)  # here
print(oct(previous))
