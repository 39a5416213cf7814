#!/usr/bin/env python3
# A dump if it takes too long.
# PUT BACK: faulthandler
import faulthandler

print("Content-Type: text/plain\n")
faulthandler.dump_traceback_later(1000)  # here
print("waiting")
