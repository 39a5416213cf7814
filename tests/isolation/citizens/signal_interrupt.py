#!/usr/bin/env python3
# System calls that a signal interrupts.
# PUT BACK: SIGUSR1
import signal

print("Content-Type: text/plain\n")
signal.signal(signal.SIGUSR1, lambda number, frame: None)  # here
signal.siginterrupt(signal.SIGUSR1, True)  # here
print("set")
