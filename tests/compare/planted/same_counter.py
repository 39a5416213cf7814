#!/usr/bin/env python3
# Counts in a file beside it: every run finds it as the first one did.
print("Content-Type: text/plain\n")
with open("count.txt", "r+") as file:
    count = int(file.read()) + 1
    file.seek(0)
    file.write(str(count))
print("visit", count)
