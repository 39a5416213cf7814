#!/usr/bin/env python3
"""Sets for itself what is numpy's for the whole process."""

import numpy as np

np.random.seed(1)
np.set_printoptions(precision=2, threshold=5)
np.seterr(all="raise")

print("Content-Type: text/plain\n")
print(np.random.random(4), np.arange(100))
try:
    print(np.float64(1) / np.arange(3))
except FloatingPointError as error:
    print(error)
