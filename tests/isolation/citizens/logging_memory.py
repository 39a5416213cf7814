#!/usr/bin/env python3
# A handler that collects, and writes when logging is shut down at the end.
# PUT BACK
import logging.handlers
import sys

print("Content-Type: text/plain\n")
target = logging.StreamHandler(sys.stdout)
logging.getLogger().addHandler(logging.handlers.MemoryHandler(100, target=target))
logging.warning("written at the end")
