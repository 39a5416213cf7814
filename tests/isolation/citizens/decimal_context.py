#!/usr/bin/env python3
# Another context for this thread.
# PUT BACK: decimal
import decimal

print("Content-Type: text/plain\n")
print(decimal.getcontext().rounding)
decimal.setcontext(decimal.Context(prec=9, rounding=decimal.ROUND_DOWN))  # here
