#!/usr/bin/env python3
# Other bytes.
import sys

byte = b"p" if "cgicompat.runners.warm" in sys.modules else b"a"
sys.stdout.buffer.write(b"Content-Type: image/png\n\n\0\1\2\3" + byte)
