#!/usr/bin/env python3
# sys.stdout wrapped in an encoder.
# PUT BACK
import codecs
import sys

print("Content-Type: text/plain\n")
sys.stdout.flush()
sys.stdout = codecs.getwriter("latin-1")(sys.stdout.buffer)
print("caf\u00e9")
