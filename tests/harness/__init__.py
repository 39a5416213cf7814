"""What the tests need around a script: servers to start, requests to send, processes to watch."""
