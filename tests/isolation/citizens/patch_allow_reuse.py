#!/usr/bin/env python3
# A class attribute of a server, set in its class.
# PUT BACK: socketserver, TCPServer.allow_reuse_address
import socketserver

print("Content-Type: text/plain\n")
print(socketserver.TCPServer.allow_reuse_address)
socketserver.TCPServer.allow_reuse_address = True  # here
