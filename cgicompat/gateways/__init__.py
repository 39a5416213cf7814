"""Ways in: each turns requests of its kind into SCGI requests to the pool, and the answers back.

`site` decides what a request means, `exchange` holds the conversation with the pool; they, `body` and
`static` do no network I/O, and `asgi` and `wsgi` do little else. `cgi` stands alone.
"""
