#!/usr/bin/env python3
# open() replaced by way of __builtins__, as recipes did that wanted UTF-8 everywhere.
# PUT BACK: builtins.open
import codecs

print("Content-Type: text/plain\n")
print(open.__module__)
__builtins__.open = lambda name, mode="r": codecs.open(name, mode, "utf-8")  # here
