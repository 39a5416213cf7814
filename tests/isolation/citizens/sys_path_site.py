#!/usr/bin/env python3
# A directory of libraries added with its .pth files.
# PUT BACK: sys.path
import os
import site
import sys

print("Content-Type: text/plain\n")
print(sum(path.endswith("/lib/site") for path in sys.path))
os.makedirs("lib/site", exist_ok=True)
site.addsitedir("lib/site")
