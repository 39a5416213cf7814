#!/usr/bin/env python3
# No connection may take longer than three seconds.
# PUT BACK: timeout
import socket

print("Content-Type: text/plain\n")
print(socket.getdefaulttimeout())
socket.setdefaulttimeout(3)  # here
