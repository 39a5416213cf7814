#!/usr/bin/env python3
# cgitb.enable(), which nearly every script had.
# PUT BACK: sys.excepthook
import cgitb
import sys

print("Content-Type: text/plain\n")
print(sys.excepthook is sys.__excepthook__)
cgitb.enable()  # here
