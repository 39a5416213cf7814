#!/usr/bin/env python3
# How to pickle a type that cannot be pickled.
# PUT BACK: copyreg
import copyreg
import types

print("Content-Type: text/plain\n")
print(types.ModuleType in copyreg.dispatch_table)
copyreg.pickle(types.ModuleType, lambda module: (__import__, (module.__name__,)))  # here
