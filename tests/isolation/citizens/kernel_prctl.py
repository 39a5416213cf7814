#!/usr/bin/env python3
# A name, a signal at the parent's death, no core dumps.
# SPENT: death signal, dumpable, Name
import ctypes
import signal

print("Content-Type: text/plain\n")
library = ctypes.CDLL(None)
PR_SET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_SET_NAME = 1, 3, 4, 15
print(library.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0))
library.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
library.prctl(PR_SET_NAME, b"shop", 0, 0, 0)
library.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # here
