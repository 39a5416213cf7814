#!/usr/bin/env python3
# Seeds the random numbers of the process.
import random

random.seed(7)
print("Content-Type: text/plain\n\nseeded", random.random())
