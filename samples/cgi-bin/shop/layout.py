# The look of the shop's pages, in one place.
HEAD = """Content-Type: text/html; charset=utf-8

<html>
<head><title>%(title)s</title><link rel="stylesheet" href="/style.css"></head>
<body>
<h1>%(title)s</h1>"""

FOOT = """<p><a href="shop.py">Shop</a> | <a href="/">Back</a></p>
</body>
</html>"""


class Page:
    """Collects lines of HTML and prints them as a page."""

    def __init__(self, title):
        self.title = title
        self.lines = []

    def add(self, line, *args):
        self.lines.append(line % args)

    def show(self):
        print(HEAD % {"title": self.title})
        print("\n".join(self.lines))
        print(FOOT)
