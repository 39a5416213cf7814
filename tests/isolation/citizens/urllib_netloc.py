#!/usr/bin/env python3
# A scheme of one's own.
# PUT BACK: urllib.parse
import urllib.parse

print("Content-Type: text/plain\n")
print("s3" in urllib.parse.uses_netloc)
urllib.parse.uses_netloc.append("s3")  # here
