#!/usr/bin/env python3
# basicConfig(), with a file.
# PUT BACK: logging
import logging

print("Content-Type: text/plain\n")
print(logging.root.handlers)
logging.basicConfig(filename="citizens.log", level=logging.DEBUG)  # here
logging.debug("logged")
