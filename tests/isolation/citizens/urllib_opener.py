#!/usr/bin/env python3
# An opener with cookies installed for all.
# PUT BACK: urllib.request
import urllib.request

print("Content-Type: text/plain\n")
print("installing")
urllib.request.install_opener(
    urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
)  # here from 3.12
