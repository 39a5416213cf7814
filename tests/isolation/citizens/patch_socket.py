#!/usr/bin/env python3
# All connections by IPv4, since IPv6 was slow here.
# SPENT: socket.getaddrinfo
import socket

print("Content-Type: text/plain\n")
print(socket.getaddrinfo.__name__)
original = socket.getaddrinfo


def only_ipv4(*args, **more):
    return [answer for answer in original(*args, **more) if answer[0] == socket.AF_INET]


socket.getaddrinfo = only_ipv4  # here
