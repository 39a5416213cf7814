"""Run CGI scripts, old Python ones above all, unchanged and fast on today's Python."""

__version__ = "0.1.0"
