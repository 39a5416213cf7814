#!/usr/bin/env python3
# Nothing special.
print("Content-Type: text/plain\n\nhello")
