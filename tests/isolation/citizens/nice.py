#!/usr/bin/env python3
# A long job that makes room for others.
# SPENT: priority
import os

print("Content-Type: text/plain\n")
print(os.nice(0))
os.nice(5)  # here
