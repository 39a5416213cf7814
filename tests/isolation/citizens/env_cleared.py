#!/usr/bin/env python3
# The environment emptied.
# PUT BACK: environ
import os

print("Content-Type: text/plain\n")
print("SERVER_NAME" in os.environ)
os.environ.clear()  # here
