#!/usr/bin/env python3
# All threads traced.
# PUT BACK: threading
import threading

print("Content-Type: text/plain\n")
print(threading.gettrace())
threading.settrace(lambda *args: None)  # here
