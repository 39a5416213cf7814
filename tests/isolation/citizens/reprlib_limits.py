#!/usr/bin/env python3
# Longer representations.
# PUT BACK: reprlib
import reprlib

print("Content-Type: text/plain\n")
print(reprlib.aRepr.maxstring)
reprlib.aRepr.maxstring = 200  # here
