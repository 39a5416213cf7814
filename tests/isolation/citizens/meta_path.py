#!/usr/bin/env python3
# An import hook for modules in a database.
# PUT BACK: sys.meta_path
import sys

print("Content-Type: text/plain\n")


class Finder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        return None


print(any(finder.__class__ is type and finder.__name__ == "Finder" for finder in sys.meta_path))
sys.meta_path.append(Finder)  # here
