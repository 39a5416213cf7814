#!/usr/bin/env python3
# Threads that change places less often.
# PUT BACK: setswitchinterval
import sys

print("Content-Type: text/plain\n")
print(sys.getswitchinterval())
sys.setswitchinterval(0.5)  # here
