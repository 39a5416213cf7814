#!/usr/bin/env python3
# Modules may end in .cgi too.
# PUT BACK: SOURCE_SUFFIXES
import importlib.machinery

print("Content-Type: text/plain\n")
print(importlib.machinery.SOURCE_SUFFIXES)
importlib.machinery.SOURCE_SUFFIXES.append(".cgi")  # here
