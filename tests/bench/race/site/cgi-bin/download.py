#!/usr/bin/env python3
# Sends a file of 10 MB.
import os
import shutil
import sys

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../data/large.bin"), "rb") as file:
    print("Content-Type: application/octet-stream")
    print(f"Content-Length: {os.fstat(file.fileno()).st_size}\n", flush=True)
    shutil.copyfileobj(file, sys.stdout.buffer)
