#!/usr/bin/env python3
# A mapped file in a cycle.
# PUT BACK
import mmap

print("Content-Type: text/plain\n")
memory = mmap.mmap(-1, 4096)
holder = [memory]
holder.append(holder)
print(len(memory))
