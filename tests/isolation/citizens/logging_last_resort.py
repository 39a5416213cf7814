#!/usr/bin/env python3
# No word where nobody configured logging.
# PUT BACK: logging.lastResort
import logging

print("Content-Type: text/plain\n")
print(logging.lastResort is None)
logging.lastResort = None  # here
