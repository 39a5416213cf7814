#!/usr/bin/env python3
# It fails, and it does so everywhere.
print("Content-Type: text/plain\n\nbegun", flush=True)
raise LookupError("nothing there")
