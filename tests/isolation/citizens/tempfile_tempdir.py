#!/usr/bin/env python3
# Temporary files in a directory of the site.
# PUT BACK: tempfile
import tempfile

print("Content-Type: text/plain\n")
print(tempfile.gettempdir())
tempfile.tempdir = "/var/tmp"  # here
