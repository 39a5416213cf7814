#!/usr/bin/env python3
# Types read from a file of the site.
# PUT BACK: mimetypes
import mimetypes

print("Content-Type: text/plain\n")
with open("citizens.types", "w") as file:
    file.write("text/menu menu\n")
print(mimetypes.guess_type("a.menu"))
mimetypes.init(["citizens.types"])  # here
print(mimetypes.guess_type("a.menu"))
