#!/usr/bin/env python3
# Time, process and chance, and words that are always the same.
import os
import random
import time

print("Content-Type: text/html")
print(f"Set-Cookie: session={os.urandom(8).hex()}; path=/\n")
print(f"<p>It is {time.time()}, I am {os.getpid()}.</p>")
for _ in range(random.randrange(1, 9)):
    print("<p>some line</p>")
print("<p>bye</p>")
