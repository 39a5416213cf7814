#!/usr/bin/env python3
# Collections counted.
# PUT BACK: gc.callbacks
import gc

print("Content-Type: text/plain\n")
print(len(gc.callbacks))
gc.callbacks.append(lambda phase, info: None)  # here
