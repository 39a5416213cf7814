#!/usr/bin/env python3
# Draws a bar chart as a PNG, with nothing but the standard library:
# chart.py?data=3,1,4,1,5&width=400&height=150
import cgi
import struct
import sys
import zlib

BLACK, WHITE, BLUE = b"\x00\x00\x00", b"\xff\xff\xff", b"\x33\x66\x99"


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, rows):
    raw = b"".join(b"\x00" + row for row in rows)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(raw, 9))
        + chunk(b"IEND", b"")
    )


def bars(values, width, height):
    slot = width // len(values)
    top = max(values) or 1
    heights = [v * (height - 1) // top for v in values]
    for y in range(height - 1, 0, -1):
        row = b"".join((BLUE if h >= y else WHITE) * (slot - 2) + WHITE * 2 for h in heights)
        yield row + WHITE * (width - slot * len(values))
    yield BLACK * width


def number(form, name, default, largest):
    try:
        return max(1, min(int(form.getfirst(name, default)), largest))
    except ValueError:
        return default


def main():
    form = cgi.FieldStorage()
    width = number(form, "width", 400, 2000)
    height = number(form, "height", 150, 1000)
    try:
        values = [abs(int(v)) for v in form.getfirst("data", "3,1,4,1,5,9,2,6,5,3,5").split(",")]
    except ValueError:
        values = [0]
    values = values[: max(1, width // 3)]
    image = png(width, height, bars(values, width, height))

    # Text and bytes go to the same place: the header must be on its way first.
    print("Content-Type: image/png")
    print("Content-Length: %d" % len(image))
    print("Cache-Control: no-cache")
    print()
    sys.stdout.flush()
    sys.stdout.buffer.write(image)


main()
