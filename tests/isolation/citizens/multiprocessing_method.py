#!/usr/bin/env python3
# The way to start processes, which can be chosen once.
# PUT BACK: start method
import multiprocessing

print("Content-Type: text/plain\n")
print(multiprocessing.get_start_method(allow_none=True))
multiprocessing.set_start_method("spawn")  # here
