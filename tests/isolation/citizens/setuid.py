#!/usr/bin/env python3
# Another user.
# SPENT (as root): user
import os

print("Content-Type: text/plain\n")
print(os.getuid())
os.setuid(65534)  # here
