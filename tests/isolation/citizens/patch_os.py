#!/usr/bin/env python3
# A function of Python 2 put back into os.
# PUT BACK: os.getcwdu
import os

print("Content-Type: text/plain\n")
print(hasattr(os, "getcwdu"))
os.getcwdu = os.getcwd  # here
