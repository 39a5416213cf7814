#!/usr/bin/env python3
# No complaints of the logging module itself.
# PUT BACK: logging.raiseExceptions
import logging

print("Content-Type: text/plain\n")
print(logging.raiseExceptions)
logging.raiseExceptions = False  # here
