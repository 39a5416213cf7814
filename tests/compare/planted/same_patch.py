#!/usr/bin/env python3
# Patches the library: put back, or the process is replaced.
import json

json.dumps = lambda thing: "patched"
print("Content-Type: text/plain\n\n" + json.dumps([]))
