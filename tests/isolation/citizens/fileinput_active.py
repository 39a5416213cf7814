#!/usr/bin/env python3
# A loop over fileinput that was left half way.
# PUT BACK: fileinput
import fileinput

print("Content-Type: text/plain\n")
for line in fileinput.input([__file__]):  # here
    print(line.strip())
    break
