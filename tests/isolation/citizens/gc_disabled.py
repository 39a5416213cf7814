#!/usr/bin/env python3
# No garbage collector, for speed.
# PUT BACK: gc
import gc

print("Content-Type: text/plain\n")
print(gc.isenabled())
gc.disable()  # here
