#!/usr/bin/env python3
# A dump when it crashes.
# PUT BACK: faulthandler
import faulthandler

print("Content-Type: text/plain\n")
print(faulthandler.is_enabled())
faulthandler.enable()  # here
