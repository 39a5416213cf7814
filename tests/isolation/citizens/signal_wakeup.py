#!/usr/bin/env python3
# Signals written to a socket.
# PUT BACK: wakeup
import signal
import socket

print("Content-Type: text/plain\n")
left, right = socket.socketpair()
left.setblocking(False)
print(signal.set_wakeup_fd(left.fileno()))  # here
