#!/usr/bin/env python3
# Sets cookies in another order.
import sys

cookies = ["Set-Cookie: a=1", "Set-Cookie: b=2"]
if "cgicompat.runners.warm" in sys.modules:
    cookies.reverse()
print("Content-Type: text/plain", *cookies, "", "cookies", sep="\n")
