#!/usr/bin/env python3
# An exception, with its traceback kept in sys.
# PUT BACK
print("Content-Type: text/plain\n")
print("begun", flush=True)
raise ValueError("half way")
