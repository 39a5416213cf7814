"""What becomes of a process after the request: cgi, fork, cgihandler."""
