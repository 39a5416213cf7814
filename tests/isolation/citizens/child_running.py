#!/usr/bin/env python3
# A child that still runs.
# SPENT: child
import subprocess

print("Content-Type: text/plain\n")
subprocess.Popen(["sleep", "20"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # here
print("started")
