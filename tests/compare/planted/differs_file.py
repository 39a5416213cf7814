#!/usr/bin/env python3
# Writes something else, with other permissions.
import os
import sys

pool = "cgicompat.runners.warm" in sys.modules
with open("written.txt", "w") as file:
    file.write("from a pool\n" if pool else "alone\n")
os.chmod("written.txt", 0o600 if pool else 0o644)
print("Content-Type: text/plain\n\nwritten")
