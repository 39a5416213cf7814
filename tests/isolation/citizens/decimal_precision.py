#!/usr/bin/env python3
# Prices with six digits.
# PUT BACK: decimal
import decimal

print("Content-Type: text/plain\n")
print(decimal.getcontext().prec)
decimal.getcontext().prec = 6  # here
