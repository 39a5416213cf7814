#!/usr/bin/env python3
# No limit on the digits of integers, for a page that prints factorials.
# PUT BACK: digits
import math
import sys

print("Content-Type: text/plain\n")
print(sys.get_int_max_str_digits())
sys.set_int_max_str_digits(0)  # here
print(len(str(math.factorial(2000))))
