#!/usr/bin/env python3
# 0, 1 and 2 sent nowhere.
# SPENT: files were left open
import os
import sys

print("Content-Type: text/plain\n")
print("last words")
sys.stdout.flush()
null = os.open(os.devnull, os.O_RDWR)
for fd in (0, 1, 2):
    os.dup2(null, fd)
