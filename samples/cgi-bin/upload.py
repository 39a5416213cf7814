#!/usr/bin/env python3
# Takes one or more files and tells what they are. Nothing is kept: the files
# are read in blocks from where the cgi module has put them.
import cgi
import cgitb
import hashlib
import os
from html import escape

cgitb.enable()


def describe(item):
    digest = hashlib.md5()
    size = 0
    while True:
        block = item.file.read(65536)
        if not block:
            break
        size += len(block)
        digest.update(block)
    # Internet Explorer sent the whole path.
    name = os.path.basename(item.filename.replace("\\", "/"))
    return "<tr><td>%s</td><td>%s</td><td align=right>%d</td><td><tt>%s</tt></td></tr>" % (
        escape(name),
        escape(item.type),
        size,
        digest.hexdigest(),
    )


print("Content-Type: text/html; charset=utf-8\n")
print("<html><head><title>Upload</title><link rel='stylesheet' href='/style.css'></head><body>")
print("<h1>Upload</h1>")

form = cgi.FieldStorage()
if "file" in form:
    items = form["file"]
    if not isinstance(items, list):
        items = [items]
    items = [item for item in items if item.filename]
    if items:
        print("<p>%s</p>" % escape(form.getvalue("description", "")))
        print("<table border=1><tr><th>Name<th>Type<th>Bytes<th>MD5</tr>")
        for item in items:
            print(describe(item))
        print("</table>")
    else:
        print("<p>You did not choose a file.</p>")

print("""<form action="%s" method="POST" enctype="multipart/form-data">
<p>What is it? <input type="text" name="description"></p>
<p><input type="file" name="file" multiple> <input type="submit" value="Send"></p>
</form>
<p><a href="/">Back</a></p>
</body></html>""" % escape(os.environ.get("SCRIPT_NAME", "")))
