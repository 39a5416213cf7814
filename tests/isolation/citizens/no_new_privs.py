#!/usr/bin/env python3
# No privileges for children, for ever.
# SPENT: no_new_privs
import ctypes

print("Content-Type: text/plain\n")
PR_SET_NO_NEW_PRIVS = 38
print(ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))  # here
