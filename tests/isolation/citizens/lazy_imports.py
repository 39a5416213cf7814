#!/usr/bin/env python3
# All imports become lazy.
# PUT BACK (from 3.15): lazy_imports
import sys

print("Content-Type: text/plain\n")
print(sys.get_lazy_imports(), sys.get_lazy_imports_filter())
sys.set_lazy_imports("all")  # here
