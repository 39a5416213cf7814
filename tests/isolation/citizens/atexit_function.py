#!/usr/bin/env python3
# Something to do at the end.
# PUT BACK
import atexit

print("Content-Type: text/plain\n")
atexit.register(print, "goodbye")
print("hello")
