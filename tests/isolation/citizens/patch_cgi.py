#!/usr/bin/env python3
# A class of cgi that tells another what it is made of.
# SPENT: cgi.FieldStorage.__init__, replaced
import cgi

print("Content-Type: text/plain\n")
cgi.FieldStorage.__init__ = lambda self, *args, **kwargs: print(args)  # here
