#!/usr/bin/env python3
# An alarm that comes later.
# PUT BACK: alarm
import signal

print("Content-Type: text/plain\n")
print(signal.alarm(1000))  # here
