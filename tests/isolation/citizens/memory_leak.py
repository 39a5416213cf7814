#!/usr/bin/env python3
# 300 MB that a leak in C code keeps.
# SPENT: memory
import ctypes

print("Content-Type: text/plain\n")
data = b"x" * (300 << 20)
ctypes.pythonapi.Py_IncRef(ctypes.py_object(data))
print(len(data))
