#!/usr/bin/env python3
# A daemon process, which Python ends at the end.
# PUT BACK
import multiprocessing
import time

print("Content-Type: text/plain\n")
print("started", flush=True)
multiprocessing.get_context("fork").Process(target=time.sleep, args=[20], daemon=True).start()
