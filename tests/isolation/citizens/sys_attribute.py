#!/usr/bin/env python3
# Settings of the site parked in sys, where all modules find them.
# PUT BACK: sys.site_settings
import sys

print("Content-Type: text/plain\n")
print(hasattr(sys, "site_settings"))
sys.site_settings = {"colour": "blue"}  # here
