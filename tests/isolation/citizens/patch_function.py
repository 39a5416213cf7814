#!/usr/bin/env python3
# A function of the standard library replaced.
# SPENT: json.dumps
import json

print("Content-Type: text/plain\n")
print(json.dumps([1]))
json.dumps = repr  # here
