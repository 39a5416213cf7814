#!/usr/bin/env python3
# An audit hook, which Python cannot take off again.
# SPENT: audit hook
import sys

print("Content-Type: text/plain\n")
seen = []
sys.addaudithook(lambda event, args: seen.append(event) if event == "open" else None)  # here
print("watching")
