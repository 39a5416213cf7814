#!/usr/bin/env python3
# What goes over the wire, shown for debugging.
# PUT BACK: HTTPConnection.debuglevel
import http.client

print("Content-Type: text/plain\n")
print(http.client.HTTPConnection.debuglevel)
http.client.HTTPConnection.debuglevel = 1  # here
