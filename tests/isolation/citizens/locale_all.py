#!/usr/bin/env python3
# The visitor's language.
# PUT BACK: locale
import locale

print("Content-Type: text/plain\n")
print(locale.setlocale(locale.LC_TIME))
locale.setlocale(locale.LC_ALL, "C" if "UTF" in locale.setlocale(locale.LC_CTYPE) else "C.UTF-8")  # here
