#!/usr/bin/env python3
# A library's submodule imported lazily, and never used.
# PUT BACK (from 3.15)
import json

print("Content-Type: text/plain\n")
print("tool" in vars(json))
exec("lazy import json.tool")
