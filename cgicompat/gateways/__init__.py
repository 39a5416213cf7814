"""Ways in: each turns what a web server gives into a request to the pool."""
