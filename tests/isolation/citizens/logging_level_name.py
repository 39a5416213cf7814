#!/usr/bin/env python3
# A level of one's own.
# PUT BACK: logging
import logging

print("Content-Type: text/plain\n")
print(logging.getLevelName(5))
logging.addLevelName(5, "TRACE")  # here
