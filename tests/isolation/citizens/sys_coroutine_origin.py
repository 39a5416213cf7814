#!/usr/bin/env python3
# Coroutines that remember where they were made.
# PUT BACK: coroutine
import sys

print("Content-Type: text/plain\n")
print(sys.get_coroutine_origin_tracking_depth())
sys.set_coroutine_origin_tracking_depth(10)  # here
