#!/usr/bin/env python3
# reload(logging), to be able to call basicConfig() again.
# SPENT: logging
import importlib
import logging

print("Content-Type: text/plain\n")
print(logging.root.handlers)
importlib.reload(logging)  # here from 3.12
