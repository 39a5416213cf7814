#!/usr/bin/env python3
# No logging at all.
# PUT BACK: logging
import logging

print("Content-Type: text/plain\n")
print(logging.root.manager.disable)
logging.disable(logging.CRITICAL)  # here
