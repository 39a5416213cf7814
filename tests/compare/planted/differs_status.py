#!/usr/bin/env python3
# Another status, and another exit status, under fork alone.
import sys

frame = sys._getframe()
while frame.f_back and not frame.f_code.co_filename.endswith("runners/fork.py"):
    frame = frame.f_back
fork = frame.f_back is not None
print(f"Status: {'503 Busy' if fork else '200 OK'}\nContent-Type: text/plain\n\nstatus")
sys.exit(3 if fork else 0)
