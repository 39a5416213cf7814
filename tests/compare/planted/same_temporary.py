#!/usr/bin/env python3
# A temporary file with a name that nobody knows.
import tempfile

handle, name = tempfile.mkstemp()
open(handle, "w").write("kept")
print("Content-Type: text/plain\n\nwritten")
