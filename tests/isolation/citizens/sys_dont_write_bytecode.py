#!/usr/bin/env python3
# No __pycache__ beside the script.
# PUT BACK: sys.dont_write_bytecode
import sys

print("Content-Type: text/plain\n")
sys.dont_write_bytecode = not sys.dont_write_bytecode  # here
