#!/usr/bin/env python3
# Warnings go to the log.
# PUT BACK: logging
import logging
import warnings

print("Content-Type: text/plain\n")
print(warnings.showwarning.__module__)
logging.captureWarnings(True)  # here
