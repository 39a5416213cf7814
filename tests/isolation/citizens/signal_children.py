#!/usr/bin/env python3
# Children that nobody has to wait for.
# PUT BACK: SIGCHLD
import signal

print("Content-Type: text/plain\n")
print(signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # here
