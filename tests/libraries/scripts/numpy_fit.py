#!/usr/bin/env python3
"""A line through measurements, and how good it is."""

import os
import sys
from urllib.parse import parse_qs

import numpy as np

query = parse_qs(os.environ["QUERY_STRING"])
degree = int(query.get("degree", ["2"])[0])

x = np.linspace(0, 10, 200)
y = np.sin(x) + np.random.default_rng(42).normal(0, 0.1, x.size)
matrix = np.vander(x, degree + 1)
coefficients, residuals, rank, singular = np.linalg.lstsq(matrix, y, rcond=None)
spectrum = np.abs(np.fft.rfft(y))

print("Content-Type: text/plain\n")
print(coefficients, residuals, rank, singular)
print(spectrum.argmax(), np.array([1 / 3, 1e10]), np.arange(2000))
print(np.float64(1) / np.arange(3), file=sys.stdout)  # a division by zero is infinite here
