#!/usr/bin/env python3
# Small stacks for many threads.
# PUT BACK: stack_size
import threading

print("Content-Type: text/plain\n")
print(threading.stack_size())
threading.stack_size(256 * 1024)  # here
