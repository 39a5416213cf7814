#!/usr/bin/env python3
# reload() of a standard module, whose classes then are no longer the ones that others hold.
# SPENT: json.decoder
import importlib
import json.decoder

print("Content-Type: text/plain\n")
print(json.decoder.JSONDecodeError is json.JSONDecodeError)
importlib.reload(json.decoder)  # here from 3.12
