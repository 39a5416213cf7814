#!/usr/bin/env python3
# "You are visitor number": a counter as a picture, to be used in an <img>.
# The number lives in a file that is locked while it is read and written, so
# that two visitors at once count as two. The folder cgi-bin may be read-only;
# the file is therefore kept in the system's folder for temporary files.
import cgi
import fcntl
import os
import re
import tempfile

DATA = os.path.join(tempfile.gettempdir(), "cgi-samples-%d" % os.getuid())

SVG = """Content-Type: image/svg+xml
Cache-Control: no-store

<svg xmlns="http://www.w3.org/2000/svg" width="%(width)d" height="32">
<title>%(count)d</title>
<rect width="100%%" height="100%%" fill="black"/>
%(digits)s
</svg>"""

DIGIT = '<text x="%d" y="24" fill="lime" font-family="monospace" font-size="24">%s</text>'


def visit(name):
    """Counts one visit and returns how many there have been."""
    os.makedirs(DATA, mode=0o700, exist_ok=True)
    with open(os.path.join(DATA, name + ".count"), "a+") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        f.seek(0)
        count = int(f.read() or 0) + 1
        f.truncate(0)
        f.write("%d" % count)
    return count


form = cgi.FieldStorage()
page = re.sub("[^a-z0-9]", "", form.getfirst("page", "home").lower())[:20] or "home"
count = visit(page)
text = "%06d" % count
digits = "\n".join(DIGIT % (8 + 20 * i, d) for i, d in enumerate(text))
print(SVG % {"width": 8 + 20 * len(text), "count": count, "digits": digits})
