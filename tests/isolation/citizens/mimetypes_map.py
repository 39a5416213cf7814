#!/usr/bin/env python3
# A type put into the table itself.
# PUT BACK: mimetypes
import mimetypes

print("Content-Type: text/plain\n")
print(".camel" in mimetypes.types_map)
mimetypes.types_map[".camel"] = "image/camel"  # here
