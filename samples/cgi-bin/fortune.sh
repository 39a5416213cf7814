#!/bin/sh
# A saying at random, from the list at the end of this file.

echo "Content-Type: text/plain; charset=utf-8"
echo

sed '1,/^#START$/d' "$0" | awk -v seed="$$" '
    { saying[NR] = substr($0, 3) }
    END { srand(seed + srand()); print saying[int(rand() * NR) + 1] }'

echo
echo "(for ${REMOTE_ADDR:-somebody}, by ${SERVER_SOFTWARE:-no server})"
exit 0

#START
# A page that loads is worth two that are being redesigned.
# Nobody ever got a virus from a text file called guestbook.
# The cheapest cache is the request that was never made.
# Whoever says "temporary" has never run a web server.
# Two things are hard to find: a good name and a missing semicolon.
