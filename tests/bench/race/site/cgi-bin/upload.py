#!/usr/bin/env python3
# Reads a body of 10 MB.
import os
import sys

size = 0
left = int(os.environ["CONTENT_LENGTH"])
while left and (data := sys.stdin.buffer.read(min(left, 65536))):
    size += len(data)
    left -= len(data)
print(f"Content-Type: text/plain\n\n{size} bytes")
