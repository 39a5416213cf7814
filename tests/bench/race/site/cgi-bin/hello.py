#!/usr/bin/env python3
# The least that a script can do.
print("Content-Type: text/plain\n\nhello")
