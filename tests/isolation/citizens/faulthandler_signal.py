#!/usr/bin/env python3
# A dump when a signal asks for it.
# PUT BACK: faulthandler
import faulthandler
import signal

print("Content-Type: text/plain\n")
print(signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL)
faulthandler.register(signal.SIGUSR2)  # here
