#!/usr/bin/env python3
# An archive format of one's own.
# PUT BACK: shutil
import shutil

print("Content-Type: text/plain\n")
print("shop" in dict(shutil.get_archive_formats()))
shutil.register_archive_format("shop", lambda base, root, **more: base, description="shop")  # here
