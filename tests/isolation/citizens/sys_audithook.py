#!/usr/bin/env python3
# An audit hook, which Python cannot take off again.
# SPENT: addaudithook
import sys

print("Content-Type: text/plain\n")
seen = []
sys.addaudithook(lambda event, args: seen.append(event) if event == "open" else None)  # here
print("watching")
