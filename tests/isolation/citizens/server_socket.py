#!/usr/bin/env python3
# A socket left listening.
# PUT BACK
import socket

print("Content-Type: text/plain\n")
server = socket.create_server(("127.0.0.1", 0))
holder = [server]
holder.append(holder)
print(server.getsockname()[0])
