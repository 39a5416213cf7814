#!/usr/bin/env python3
"""What Pillow refuses unless told otherwise."""

import io

from PIL import Image

whole = io.BytesIO()
Image.new("L", (50, 50), 7).save(whole, "BMP")
half = Image.open(io.BytesIO(whole.getvalue()[: whole.tell() // 2]))

print("Content-Type: text/plain\n")
print(".picture" in Image.registered_extensions(), Image.MAX_IMAGE_PIXELS)
try:
    half.load()
except OSError as error:
    print(error)
