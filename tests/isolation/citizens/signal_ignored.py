#!/usr/bin/env python3
# A signal ignored.
# PUT BACK: SIGTERM
import signal

print("Content-Type: text/plain\n")
print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # here
