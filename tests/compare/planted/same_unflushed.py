#!/usr/bin/env python3
# Writes past what print has not yet flushed.
import os

print("Content-Type: text/plain\n\nlast, by print")
os.write(1, b"X-First: by write\n")
