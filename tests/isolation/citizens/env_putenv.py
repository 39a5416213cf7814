#!/usr/bin/env python3
# Variables set behind the back of os.environ.
# PUT BACK: environ
import os
import subprocess

print("Content-Type: text/plain\n")
print(subprocess.run(["printenv", "SHOP_PUT"], stdout=subprocess.PIPE).stdout)
os.putenv("SHOP_PUT", "1")  # here
os.unsetenv("SERVER_NAME")  # here
