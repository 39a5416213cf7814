#!/usr/bin/env python3
# A module made by hand.
# PUT BACK: sys.modules, settings
import sys
import types

print("Content-Type: text/plain\n")
print("settings" in sys.modules)
sys.modules["settings"] = types.ModuleType("settings")  # here
