#!/usr/bin/env python3
# A stream upon that of sys.stdout which C code keeps: if it ends one day, it closes what is below.
# SPENT: stream
import ctypes
import io
import sys

print("Content-Type: text/plain\n", flush=True)
latin = io.TextIOWrapper(sys.stdout.buffer, "latin-1")
ctypes.pythonapi.Py_IncRef(ctypes.py_object(latin))
