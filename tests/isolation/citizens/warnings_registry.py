#!/usr/bin/env python3
# A warning within a library, which is shown once for each place.
# PUT BACK: warnings
import sys
import warnings

print("Content-Type: text/plain\n")
warnings.simplefilter("default")  # here
warnings.showwarning = lambda message, *rest: print("warning:", message)  # here
registry = vars(sys.modules["posixpath"]).setdefault("__warningregistry__", {})
warnings.warn_explicit("old", UserWarning, "posixpath.py", 1, "posixpath", registry)  # here
