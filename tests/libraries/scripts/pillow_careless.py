#!/usr/bin/env python3
"""Reads half a file, which Pillow does only after a word with it; and has a format of its own."""

import io

from PIL import Image, ImageFile, PngImagePlugin

ImageFile.LOAD_TRUNCATED_IMAGES = True
PngImagePlugin.MAX_TEXT_CHUNK = 10
Image.register_extension("PNG", ".picture")
Image.MAX_IMAGE_PIXELS = None

whole = io.BytesIO()
Image.new("L", (50, 50), 7).save(whole, "BMP")
half = Image.open(io.BytesIO(whole.getvalue()[: whole.tell() // 2]))
half.load()

print("Content-Type: text/plain\n")
print(half.size, half.format, Image.registered_extensions()[".picture"])
