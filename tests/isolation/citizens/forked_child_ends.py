#!/usr/bin/env python3
# A child that comes to the script's end as well.
# PUT BACK
import os
import sys

print("Content-Type: text/plain\n")
print("before")
sys.stdout.flush()
if os.fork() == 0:
    print("child")
else:
    os.wait()
    print("parent")
