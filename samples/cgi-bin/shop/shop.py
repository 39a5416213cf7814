#!/usr/bin/env python3
# A small shop that does not sell anything. Its catalogue and its layout are
# modules beside this script; the basket travels in the URL.
import cgi
import cgitb
from html import escape
from urllib.parse import urlencode

import catalog
import layout

cgitb.enable()


def main():
    form = cgi.FieldStorage()
    basket = [item for item in form.getlist("item") if item in catalog.ITEMS]

    page = layout.Page("The tea shop")
    page.add("<ul>")
    for number in sorted(catalog.ITEMS):
        name, pence = catalog.ITEMS[number]
        url = "?" + urlencode([("item", item) for item in basket + [number]])
        page.add("<li>%s, %s <a href='%s'>add</a>", escape(name), catalog.price(pence), escape(url))
    page.add("</ul>")

    page.add("<h2>Your basket</h2>")
    if basket:
        page.add("<table>")
        for item in sorted(set(basket)):
            name, pence = catalog.ITEMS[item]
            count = basket.count(item)
            page.add("<tr><td>%d x</td><td>%s</td><td align=right>%s</td></tr>", count, escape(name), catalog.price(count * pence))
        total = sum(catalog.ITEMS[item][1] for item in basket)
        page.add("<tr><td></td><td><b>Total</b></td><td align=right><b>%s</b></td></tr>", catalog.price(total))
        page.add("</table>")
    else:
        page.add("<p>It is empty.</p>")
    page.show()


if __name__ == "__main__":
    main()
