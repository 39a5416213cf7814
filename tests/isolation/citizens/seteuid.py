#!/usr/bin/env python3
# Another user for a while.
# SPENT (as root): user
import os

print("Content-Type: text/plain\n")
print(os.geteuid())
os.seteuid(65534)  # here
