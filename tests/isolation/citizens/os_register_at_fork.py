#!/usr/bin/env python3
# Something to do at each fork; Python keeps it for ever.
# PUT BACK: register_at_fork
import os
import sys

print("Content-Type: text/plain\n")
sys.stdout.flush()
os.register_at_fork(before=lambda: print("about to fork", flush=True))  # here
if os.fork() == 0:
    os._exit(0)
os.wait()
