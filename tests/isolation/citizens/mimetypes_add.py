#!/usr/bin/env python3
# A type of one's own.
# PUT BACK: mimetypes
import mimetypes

print("Content-Type: text/plain\n")
print(mimetypes.guess_type("menu.shop"))
mimetypes.add_type("text/shop", ".shop")  # here
