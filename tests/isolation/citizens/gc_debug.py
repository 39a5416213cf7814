#!/usr/bin/env python3
# Leaks looked for: all garbage is kept.
# PUT BACK: gc
import gc

print("Content-Type: text/plain\n")
print(gc.get_debug(), len(gc.garbage))
gc.set_debug(gc.DEBUG_SAVEALL)  # here
circle = []
circle.append(circle)
del circle
gc.collect()
