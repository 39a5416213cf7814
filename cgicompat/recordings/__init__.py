"""Recordings of requests: what servers write, and what is replayed and compared."""
