#!/usr/bin/env python3
# All descriptors closed, those that only the process itself knows of too.
# SPENT: descriptor
import os
import sys

print("Content-Type: text/plain\n")
print("closing")
sys.stdout.flush()
os.closerange(3, 1024)  # here
