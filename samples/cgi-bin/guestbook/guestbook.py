#!/usr/bin/env python3
# The guestbook that every home page had. The entries are in an SQLite database;
# since this folder may be read-only, it is kept in the system's folder for
# temporary files. Move DATABASE to a safer place to keep your guests.
import cgi
import cgitb
import os
import sqlite3
import tempfile
import time
from html import escape

cgitb.enable()

DATA = os.path.join(tempfile.gettempdir(), "cgi-samples-%d" % os.getuid())
DATABASE = os.path.join(DATA, "guestbook.db")

TOP = """Content-Type: text/html; charset=utf-8

<html>
<head><title>Guestbook</title><link rel="stylesheet" href="/style.css"></head>
<body>
<h1>My guestbook</h1>
<form action="%s" method="POST">
<p>Name: <input name="name" size="30"></p>
<p><textarea name="message" rows="4" cols="50"></textarea></p>
<p><input type="submit" value="Sign the guestbook"></p>
</form>
<p>Entries so far: %d</p>
<hr>"""

ENTRY = """<p><b>%s</b> wrote on %s:</p>
<blockquote>%s</blockquote>"""


def connect():
    os.makedirs(DATA, mode=0o700, exist_ok=True)
    db = sqlite3.connect(DATABASE, timeout=10)
    db.execute("create table if not exists entries (time real, name text, message text)")
    return db


def sign(db, name, message):
    with db:
        db.execute("insert into entries values (?, ?, ?)", (time.time(), name[:60], message[:2000]))


def show(db, script):
    count = db.execute("select count(*) from entries").fetchone()[0]
    print(TOP % (escape(script), count))
    for when, name, message in db.execute("select * from entries order by time desc limit 50"):
        day = time.strftime("%d %B %Y", time.localtime(when))
        print(ENTRY % (escape(name), day, escape(message).replace("\n", "<br>")))
    print("<p><a href='/'>Back</a></p>\n</body>\n</html>")


def main():
    script = os.environ.get("SCRIPT_NAME", "")
    form = cgi.FieldStorage()
    db = connect()
    if os.environ.get("REQUEST_METHOD") == "POST":
        name = form.getfirst("name", "").strip() or "Anonymous"
        message = form.getfirst("message", "").strip()
        if message:
            sign(db, name, message)
        # Back to the list by GET, so that "reload" does not sign twice.
        print("Status: 303 See Other")
        print("Location: %s" % script)
        print()
    else:
        show(db, script)
    db.close()


if __name__ == "__main__":
    main()
