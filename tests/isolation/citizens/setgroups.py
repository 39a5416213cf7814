#!/usr/bin/env python3
# Without supplementary groups but one.
# SPENT (as root): group
import os

print("Content-Type: text/plain\n")
print(os.getgid())
os.setgroups([65534])  # here
