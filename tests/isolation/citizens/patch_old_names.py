#!/usr/bin/env python3
# Names of Python 2 put back into a module.
# PUT BACK: string.letters
import string

print("Content-Type: text/plain\n")
print(hasattr(string, "letters"))
string.letters = string.ascii_letters  # here
