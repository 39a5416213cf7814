#!/bin/sh
# The least that can be done about a download.
echo "Content-Type: application/octet-stream"
echo
exec cat ../data/large.bin
