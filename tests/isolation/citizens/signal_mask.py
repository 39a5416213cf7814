#!/usr/bin/env python3
# A signal blocked, and one that is pending.
# PUT BACK: mask
import os
import signal

print("Content-Type: text/plain\n")
print(signal.SIGUSR2 in signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]))  # here
os.kill(os.getpid(), signal.SIGUSR2)
