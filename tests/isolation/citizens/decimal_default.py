#!/usr/bin/env python3
# Another context for new threads.
# PUT BACK: decimal
import decimal

print("Content-Type: text/plain\n")
print(decimal.DefaultContext.prec)
decimal.DefaultContext.prec = 7  # here
