"""Apache's configuration, understood: what it says of a file, and who may have it.

`reading` makes a tree of a file's lines. `directives` has the table of what we know, put together from the
`ROWS` of `sections`, `requiring`, `ruling`, `headers` and others; by it (`rows.obey`) each section becomes
a `Part`. `merging` lays parts over each other, `access` decides, `rewriting` rewrites. `site` is the door
of the room: the server's files, the .htaccess files on the way to a file, and their cache.

Nobody here knows HTTP, pools or gateways. Nothing that is unknown is passed over: see `directives`.
"""
