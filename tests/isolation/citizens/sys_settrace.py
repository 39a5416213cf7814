#!/usr/bin/env python3
# A trace function that a debugger left on.
# PUT BACK: trace
import sys

print("Content-Type: text/plain\n")
print(sys.gettrace())
sys.settrace(lambda frame, event, argument: None)  # here
