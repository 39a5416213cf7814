#!/usr/bin/env python3
# Another working directory.
# PUT BACK: working directory
import os

print("Content-Type: text/plain\n")
print(os.path.basename(os.getcwd()))
os.chdir("/")  # here
