#!/usr/bin/env python3
# A class of the script called a sequence.
# PUT BACK
import collections.abc

print("Content-Type: text/plain\n")


class Catalogue:
    def __len__(self):
        return 0


collections.abc.Sequence.register(Catalogue)
print(isinstance(Catalogue(), collections.abc.Sequence))
