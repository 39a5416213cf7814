#!/usr/bin/env python3
# gettext.install() puts _ into builtins.
# PUT BACK: builtins._
import builtins
import gettext

print("Content-Type: text/plain\n")
print(hasattr(builtins, "_"))
gettext.install("shop")  # here
