#!/usr/bin/env python3
# Nothing in it is the same twice.
import os

print("Content-Type: application/octet-stream\n", flush=True)
os.write(1, b"\0" + os.urandom(64))
