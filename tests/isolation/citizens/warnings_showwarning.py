#!/usr/bin/env python3
# Warnings printed into the page.
# PUT BACK: warnings
import warnings

print("Content-Type: text/plain\n")
print(warnings.showwarning.__module__)
warnings.showwarning = lambda message, *rest: print("warning:", message)  # here
warnings.warn("look out", stacklevel=1)
