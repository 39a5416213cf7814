#!/usr/bin/env python3
# os.environ replaced by a plain dictionary.
# PUT BACK: os.environ
import os

print("Content-Type: text/plain\n")
print(type(os.environ).__name__)
os.environ = dict(os.environ)  # noqa: B003  # here
