#!/usr/bin/env python3
# One category of the locale.
# PUT BACK: locale
import locale

print("Content-Type: text/plain\n")
print(locale.setlocale(locale.LC_MONETARY))
locale.setlocale(locale.LC_MONETARY, "C.UTF-8")  # here
