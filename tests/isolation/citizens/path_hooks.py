#!/usr/bin/env python3
# A path hook for archives of an own kind.
# PUT BACK: sys.path_hooks
import sys

print("Content-Type: text/plain\n")


def hook(path):
    raise ImportError(path)


print(hook.__name__ in [getattr(item, "__name__", "") for item in sys.path_hooks])
sys.path_hooks.insert(0, hook)  # here
