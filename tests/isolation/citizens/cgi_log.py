#!/usr/bin/env python3
# The log of the cgi module.
# PUT BACK: cgi
import cgi

print("Content-Type: text/plain\n")
print(cgi.logfile)
cgi.logfile = "citizens.log"  # here
cgi.log("a visitor")  # here
