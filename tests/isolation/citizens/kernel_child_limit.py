#!/usr/bin/env python3
# A limit that a child sets for its parent.
# SPENT: limits
import os
import subprocess

print("Content-Type: text/plain\n")
print(subprocess.run(["prlimit", f"--pid={os.getpid()}", "--core=0:0", "--nofile=250"]).returncode)
