#!/usr/bin/env python3
# A timer of CPU time.
# PUT BACK: timer
import signal

print("Content-Type: text/plain\n")
print(signal.setitimer(signal.ITIMER_PROF, 1000, 1000))  # here
