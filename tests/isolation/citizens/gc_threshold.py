#!/usr/bin/env python3
# A rarer garbage collector.
# PUT BACK: gc
import gc

print("Content-Type: text/plain\n")
gc.set_threshold(100_000, 50, 50)  # here
print(gc.get_threshold())
