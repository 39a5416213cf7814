#!/usr/bin/env python3
# An executor that nobody shuts down.
# PUT BACK
import concurrent.futures

print("Content-Type: text/plain\n")
executor = concurrent.futures.ThreadPoolExecutor(2, "shop")
print(executor.submit(abs, -1).result())
