#!/usr/bin/env python3
# No form above 1 MB.
# PUT BACK: cgi
import cgi

print("Content-Type: text/plain\n")
print(cgi.maxlen)
cgi.maxlen = 1 << 20  # here
