#!/usr/bin/env python3
# A method of a standard class replaced, so that dates can be written.
# SPENT: json, JSONEncoder.default
import json

print("Content-Type: text/plain\n")
print(json.JSONEncoder.default.__module__)
json.JSONEncoder.default = lambda self, value: str(value)  # here
