#!/usr/bin/env python3
# An attribute of cookies that http.cookies did not know.
# PUT BACK: Morsel._reserved
import http.cookies

print("Content-Type: text/plain\n")
print("priority" in http.cookies.Morsel._reserved)
http.cookies.Morsel._reserved["priority"] = "Priority"  # here from 3.12
