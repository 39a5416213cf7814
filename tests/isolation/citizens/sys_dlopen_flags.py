#!/usr/bin/env python3
# Extension modules that share their symbols, as bindings of C++ libraries wanted.
# PUT BACK: dlopen
import os
import sys

print("Content-Type: text/plain\n")
print(sys.getdlopenflags() & os.RTLD_GLOBAL)
sys.setdlopenflags(sys.getdlopenflags() | os.RTLD_GLOBAL)  # here
