#!/usr/bin/env python3
# Keeps a number in the C library, where no guard looks: the second call in a process sees the first.
import ctypes

number = ctypes.c_int.in_dll(ctypes.CDLL(None), "optind")
print("Content-Type: text/plain\n\nbefore:", number.value)
number.value += 1
