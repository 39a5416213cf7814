#!/usr/bin/env python3
# A profile function left on.
# PUT BACK: profile
import sys

print("Content-Type: text/plain\n")
print(sys.getprofile())
sys.setprofile(lambda frame, event, argument: None)  # here
