#!/usr/bin/env python3
# Memory traced.
# PUT BACK: tracemalloc
import tracemalloc

print("Content-Type: text/plain\n")
print(tracemalloc.is_tracing())
tracemalloc.start()  # here
