#!/usr/bin/env python3
# A class of cgitb that tells another what it is made of.
# SPENT: cgitb.Hook.__init__, replaced
import cgitb

print("Content-Type: text/plain\n")
cgitb.Hook.__init__ = lambda self, *args, **kwargs: print(args)  # here
