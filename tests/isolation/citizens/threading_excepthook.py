#!/usr/bin/env python3
# Errors in threads silenced.
# PUT BACK: threading.excepthook
import threading

print("Content-Type: text/plain\n")
print(threading.excepthook is threading.__excepthook__)
threading.excepthook = lambda args: None  # here
