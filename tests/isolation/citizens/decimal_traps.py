#!/usr/bin/env python3
# Inexact results forbidden.
# PUT BACK: decimal
import decimal

print("Content-Type: text/plain\n")
print(decimal.getcontext().traps[decimal.Inexact])
decimal.getcontext().traps[decimal.Inexact] = True  # here
