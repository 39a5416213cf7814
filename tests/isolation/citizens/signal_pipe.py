#!/usr/bin/env python3
# No error when the visitor leaves.
# PUT BACK: SIGPIPE
import signal

print("Content-Type: text/plain\n")
print(signal.getsignal(signal.SIGPIPE) == signal.SIG_IGN)
signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # here
