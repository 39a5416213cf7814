#!/usr/bin/env python3
# sys.exit() replaced, so that a library cannot end the script.
# PUT BACK: sys.exit
import sys

print("Content-Type: text/plain\n")
print(sys.exit.__module__)
sys.exit = lambda code=0: None  # here
