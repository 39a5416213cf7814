#!/usr/bin/env python3
"""A picture made smaller, with a line of text on it."""

import io
import sys

from PIL import Image, ImageDraw, ImageFilter

large = Image.effect_mandelbrot((120, 90), (-2, -1.5, 1, 1.5), 30).convert("RGB")
kept = io.BytesIO()
large.save(kept, "JPEG", quality=80)
small = Image.open(kept).resize((60, 45), Image.Resampling.LANCZOS).filter(ImageFilter.SHARPEN)
ImageDraw.Draw(small).text((2, 2), "thumbnail", fill="red")

print("Content-Type: image/png\n", flush=True)
small.save(sys.stdout.buffer, "PNG")
