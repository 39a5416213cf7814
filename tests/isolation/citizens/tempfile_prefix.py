#!/usr/bin/env python3
# Temporary files with a name of the site.
# PUT BACK: tempfile
import tempfile

print("Content-Type: text/plain\n")
print(tempfile.gettempprefix())
tempfile.template = "shop"  # here
