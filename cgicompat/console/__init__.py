"""A page about a running server, for the one who runs it: `cgicompat serve --console`."""
