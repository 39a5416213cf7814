#!/usr/bin/env python3
# On one processor only.
# SPENT: processors
import os

print("Content-Type: text/plain\n")
everywhere = os.sched_getaffinity(0)
print(len(everywhere) == os.cpu_count())
os.sched_setaffinity(0, {min(everywhere)})  # here
