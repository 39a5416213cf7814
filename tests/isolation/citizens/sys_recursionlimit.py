#!/usr/bin/env python3
# A deeper recursion for a parser.
# PUT BACK: setrecursionlimit
import sys

print("Content-Type: text/plain\n")
print(sys.getrecursionlimit())
sys.setrecursionlimit(5000)  # here
