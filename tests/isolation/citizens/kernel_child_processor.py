#!/usr/bin/env python3
# One processor only, for now, and idle input and output, by commands.
# SPENT: processors, I/O priority
import os

print("Content-Type: text/plain\n")
print(os.system(f"taskset -pc 0 {os.getpid()} >/dev/null && ionice -c 3 -p {os.getpid()}"))
