#!/usr/bin/env python3
# Every warning made an error.
# PUT BACK: warnings
import warnings

print("Content-Type: text/plain\n")
print(any(item[0] == "error" for item in warnings.filters))
warnings.simplefilter("error")  # here
