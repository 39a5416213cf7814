"""What is run in a rehearsal."""

import os
import sys

print("Content-Type: text/plain")
print()
print(os.environ.get("REQUEST_METHOD"))
sys.stdout.write("")
