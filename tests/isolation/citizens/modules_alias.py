#!/usr/bin/env python3
# The name of a module of Python 2 for one of Python 3.
# PUT BACK: sys.modules, ConfigParser
import configparser
import sys

print("Content-Type: text/plain\n")
print("ConfigParser" in sys.modules)
sys.modules["ConfigParser"] = configparser  # here
