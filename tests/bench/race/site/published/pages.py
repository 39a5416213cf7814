"""The rewrite once more, as functions that mod_python's publisher calls by their names."""

import rewrite
from rewrite import plain


def hello(req):
    req.content_type = "text/plain"
    return "hello\n"


def typical(req):
    req.content_type = "text/html; charset=utf-8"
    form = {plain(field.name): plain(field.value) for field in req.form.list}
    page, session = rewrite.typical(form, req.headers_in.get("Cookie", ""))
    req.headers_out["Set-Cookie"] = "session=" + session
    return page


def heavy(req):
    req.content_type = "text/plain"
    return rewrite.heavy()


def form(req):
    req.content_type = "text/plain"
    file = req.form["file"]
    name, toppings = plain(req.form.getfirst("name")), ",".join(map(plain, req.form.getlist("topping")))
    return f"{name} {toppings} {file.filename} {len(file.value)}\n"
