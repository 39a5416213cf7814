#!/usr/bin/env python3
# Prints what differs_next_call has left: alone it is the same.
import ctypes

print("Content-Type: text/plain\n\nfound:", ctypes.c_int.in_dll(ctypes.CDLL(None), "optind").value)
