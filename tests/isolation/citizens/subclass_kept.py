#!/usr/bin/env python3
# A subclass of a standard class in a cycle with its instances.
# PUT BACK
import html.parser

print("Content-Type: text/plain\n")


class Links(html.parser.HTMLParser):
    def handle_starttag(self, tag, attributes):
        print(tag, self.known)


Links.known = [Links()]
Links.known[0].known = 1
Links.known[0].feed("<a href='/'>")
