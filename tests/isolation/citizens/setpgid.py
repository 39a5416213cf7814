#!/usr/bin/env python3
# Into the process group of the parent.
# SPENT: process group
import os

print("Content-Type: text/plain\n")
print(os.getpgrp() == os.getpid())
os.setpgid(0, os.getpgid(os.getppid()))  # here
