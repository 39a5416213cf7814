#!/usr/bin/env python3
# Descriptors that nobody closes.
# SPENT: files
import os

print("Content-Type: text/plain\n")
print(len([fd for fd in os.listdir("/proc/self/fd") if 2 < int(fd) < 100]) < 10)
leaked = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]  # here
