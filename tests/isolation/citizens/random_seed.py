#!/usr/bin/env python3
# The same numbers for everybody.
# PUT BACK: random
import random

print("Content-Type: text/plain\n")
random.seed(1)  # here
print(random.random())
