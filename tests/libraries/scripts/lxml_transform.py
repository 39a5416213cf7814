#!/usr/bin/env python3
"""A page that is cleaned by a style sheet with a function of the script's."""

from lxml import etree, html

sheet = etree.XSLT(
    etree.XML("""
    <x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform" xmlns:f="urn:functions">
      <x:template match="/"><list><x:for-each select="//a">
        <item href="{@href}"><x:value-of select="f:shout(text())"/></item>
      </x:for-each></list></x:template>
    </x:stylesheet>
    """),
    extensions={("urn:functions", "shout"): lambda context, nodes: "".join(nodes).upper()},
)
page = html.fromstring("<p>See <a href='/one'>one</a> and <a href='/two'>two<b>!</a>")

print("Content-Type: text/plain\n")
print(str(sheet(page)).strip())
try:
    etree.fromstring("<open>")
except etree.XMLSyntaxError as error:
    print(error, len(error.error_log))
