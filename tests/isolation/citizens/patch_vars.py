#!/usr/bin/env python3
# A patch through the dictionary of the module.
# SPENT: stat.filemode
import stat

print("Content-Type: text/plain\n")
print(stat.filemode(0))
vars(stat)["filemode"] = oct  # here from 3.12
