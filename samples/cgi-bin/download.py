#!/usr/bin/env python3
# Hands out the texts as one ZIP file, by os.write() straight to the file
# descriptor, as scripts did that came from Perl's syswrite.
import os
import tempfile
import zipfile

here = os.path.dirname(os.path.abspath(__file__))
texts = os.path.join(here, "..", "texts")

archive = tempfile.TemporaryFile()
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as z:
    for folder, folders, files in os.walk(texts):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            z.write(path, os.path.relpath(path, texts))

header = (
    "Content-Type: application/zip\r\n"
    "Content-Disposition: attachment; filename=texts.zip\r\n"
    "Content-Length: %d\r\n"
    "\r\n" % archive.tell()
)
os.write(1, header.encode("ascii"))

archive.seek(0)
while True:
    block = archive.read(8192)
    if not block:
        break
    while block:
        block = block[os.write(1, block) :]
