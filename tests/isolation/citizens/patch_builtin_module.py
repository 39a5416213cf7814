#!/usr/bin/env python3
# A function of Python 2 put back into a built-in module.
# PUT BACK: time.clock
import time

print("Content-Type: text/plain\n")
print(hasattr(time, "clock"))
time.clock = time.perf_counter  # here
