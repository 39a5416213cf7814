#!/usr/bin/env python3
# An opener with cookies installed for all.
# PUT BACK: urllib.request
import urllib.request

print("Content-Type: text/plain\n")
print("installing")
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
urllib.request.install_opener(opener)  # here
