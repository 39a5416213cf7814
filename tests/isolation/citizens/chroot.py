#!/usr/bin/env python3
# Locked up in a directory.
# SPENT (as root): root directory
import os

print("Content-Type: text/plain\n")
print(os.path.exists("/etc/passwd"))
os.chroot("/tmp")  # here
