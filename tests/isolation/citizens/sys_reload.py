#!/usr/bin/env python3
# reload(sys), the incantation of Python 2 that came before setdefaultencoding.
# PUT BACK
import importlib
import sys

print("Content-Type: text/plain\n")
importlib.reload(sys)
print("done")
