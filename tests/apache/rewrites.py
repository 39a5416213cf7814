"""Sites with rules that rewrite; `sites` says how they are written."""

from __future__ import annotations

from tests.apache.sites import BASIC, DENIED, ON, Site

REWRITES = {
    "rewrite": Site(
        ON + "RewriteRule ^a/([a-z]+)$ page.txt [L]\nRewriteRule ^run/(.*) run.cgi?x=$1 [L]\n"
        "RewriteRule ^qsa/(.*) run.cgi?x=$1 [QSA,L]\nRewriteRule ^qsd run.cgi [QSD]\n"
        "RewriteRule ^info/(.*) run.cgi/$1\nRewriteRule ^abs /rewrite/sub/run.cgi\n"
        "RewriteRule ^space/(.*) run.cgi?x=$1\nRewriteRule ^b/(.*) run.cgi?x=$1 [B]\n"
        "RewriteRule ^nowhere none\nRewriteRule ^up ../rewrite/page.txt\n",
        *("a/b", "a/1", "run/x/y", "run/x?q=1", "qsa/x?q=1", "qsa/x", "qsd?q=1", "info/a/b", "abs?x"),
        *("space/a%20b", "b/a%26b%20c/d", "nowhere", "POST run/x", "HEAD a/b", "page.txt", "a/b?c", "up"),
        *("run/a%3fb", "run/a%0ab", "run/%C3%BC"),
    ),
    "rewrite-off": Site("RewriteRule ^page run.cgi\n", "page.txt"),
    "rewrite-moved": Site(
        ON + "RewriteRule ^a$ /b [R]\nRewriteRule ^b/(.*) http://example.org/$1 [R=301,L]\n"
        "RewriteRule ^c$ http://example.org/x?y=z\nRewriteRule ^d/(.*) /x?q=$1 [R,QSA]\n"
        "RewriteRule ^e/(.*) /x/$1#y [R,NE]\nRewriteRule ^f/(.*) /x/$1#y [R]\nRewriteRule ^g$ x [R]\n"
        "RewriteRule ^h$ http://localhost/rewrite-moved/page.txt\nRewriteRule ^i$ page.txt [R=permanent]\n"
        "RewriteRule ^j/(.*) /x/$1 [R=307,B]\n",
        *("a", "a?x=%20y", "b/x%20y/z", "c", "c?a", "d/r%20s?t=%41", "e/x", "f/x%25", "g", "h", "i", "j/a&b"),
    ),
    "rewrite-base": Site(
        ON + "RewriteBase /rewrite-base/\nRewriteRule ^g$ x [R]\nRewriteRule ^a$ page.txt\n",
        "g",
        "a",
        "sub/b",
        "sub/c",
        sub=ON + "RewriteBase /rewrite-base/sub\nRewriteRule ^b$ page.txt\nRewriteRule ^c$ x [R]\n",
    ),
    "rewrite-base-other": Site(
        ON + "RewriteBase /rewrite/\nRewriteRule ^a$ page.txt\nRewriteRule ^g$ x [R]\n", "a", "g"
    ),
    "rewrite-status": Site(
        ON + "RewriteRule ^f - [F]\nRewriteRule ^g - [G]\nRewriteRule ^n x [R=404]\n"
        "RewriteRule \\.(html|cgi)$ - [F,NC]\n",
        *("f", "g", "n", "page.txt", "run.cgi", "a.CGI", "sub/", "sub/page.txt"),
    ),
    "rewrite-front": Site(
        "Options -Indexes\n" + ON + "RewriteRule ^run\\.cgi - [L]\nRewriteCond %%{REQUEST_FILENAME} !-f\n"
        "RewriteCond %%{REQUEST_FILENAME} !-d\nRewriteRule . run.cgi [L]\n",
        *("none", "none/a/b?x=y", "page.txt", "sub/", "sub", "sub/none", "", "run.cgi/x", "POST none"),
    ),
    "rewrite-front-info": Site(
        ON + "RewriteCond %%{REQUEST_URI} !run\nRewriteRule ^(.*)$ run.cgi/$1 [QSA,E=FOO:$1,PT]\n",
        *("none", "none/a/b?x=y", "page.txt", "sub/", "sub", ""),
    ),
    "rewrite-conditions": Site(
        ON + "RewriteCond %%{QUERY_STRING} (^|&)id=([0-9]+)(&|$)\nRewriteRule ^a$ run.cgi?n=%%2 [L]\n"
        "RewriteCond %%{REQUEST_METHOD} =POST [OR]\nRewriteCond %%{QUERY_STRING} ^x [OR]\n"
        "RewriteCond %%{QUERY_STRING} ^y\nRewriteCond %%{HTTPS} off\nRewriteRule ^b$ run.cgi?or [L]\n"
        "RewriteCond %%{HTTP_HOST} ^LOCAL [NC]\nRewriteCond %%{HTTP:Host} !^other\n"
        "RewriteRule ^c$ run.cgi?%%{SERVER_NAME}-%%{REQUEST_SCHEME}-%%{SERVER_PROTOCOL} [L]\n"
        "RewriteCond %%{QUERY_STRING} -gt10\nRewriteRule ^d$ run.cgi?more [L]\n"
        "RewriteCond %%{QUERY_STRING} >b\nRewriteCond %%{QUERY_STRING} <=d\n"
        "RewriteRule ^e$ run.cgi?within [L]\n"
        'RewriteCond %%{QUERY_STRING} =""\nRewriteRule ^f$ run.cgi?empty [L]\n'
        "RewriteCond %%{DOCUMENT_ROOT}/rewrite-conditions/$1.txt -s\nRewriteRule ^g/(.*)$ $1.txt [L]\n"
        "RewriteCond %%{THE_REQUEST} ^GET\\s/rewrite-conditions/h\\sHTTP\n"
        "RewriteRule ^h run.cgi?%%{PATH_INFO}\n",
        *("a?id=12", "a?x&id=3&y", "a?id=x", "a", "b", "POST b", "b?x", "b?yes", "b?z", "c", "d?11", "d?9"),
        *("e?c", "e?a", "e?e", "f", "f?x", "g/page", "g/none", "h", "h/x"),
    ),
    "rewrite-flags": Site(
        ON + "RewriteRule ^a run.cgi?chained [C]\nRewriteRule run sub/run.cgi?chain2\n"
        "RewriteRule ^no x [C]\nRewriteRule ^no - [F]\nRewriteRule ^s - [S=1]\nRewriteRule . - [E=FOO:all]\n"
        "RewriteRule ^n(.*)-(.*)$ n$1_$2 [N]\nRewriteRule ^n_(.*) run.cgi?$1\n"
        "RewriteRule ^e(.*) run.cgi [E=FOO:$1,E=BAR:%%{REQUEST_METHOD}]\nRewriteRule ^z run.cgi [END]\n"
        "RewriteRule !\\. - [E=BAR:nodot]\n",
        *("a", "no", "s", "n-a-b-c", "e1", "z", "run.cgi", "page.txt"),
    ),
    "rewrite-env": Site(
        "SetEnvIf Request_URI a BAR=set\n" + ON + "RewriteCond %%{ENV:BAR} ^(.*)$\n"
        "RewriteRule ^a$ run.cgi?%%1 [E=FOO:x]\nRewriteCond %%{ENV:REDIRECT_STATUS} ^$\n"
        "RewriteRule ^run.cgi - [F]\nRewriteRule ^run - [E=FOO:y]\n",
        *("a", "run.cgi"),
    ),
    "rewrite-loop": Site(ON + "RewriteRule ^(.*)$ x$1\n", "page.txt"),
    "rewrite-again": Site(
        ON + "RewriteRule ^a$ b\nRewriteRule ^b$ page.txt [L]\n"
        "RewriteRule ^page run.cgi\nRewriteRule ^run other.html [END]\n",
        *("a", "b", "page.txt", "run.cgi"),
    ),
    "rewrite-inner": Site(
        ON + "RewriteRule ^sub/x page.txt\nRewriteRule page other.html\n",
        *("sub/x", "sub/page.txt", "sub/deep/page.txt", "page.txt"),
        sub="RewriteRule ^x run.cgi\n",
    ),
    "rewrite-inner-off": Site(
        ON + "RewriteRule page other.html\n", "sub/page.txt", "page.txt", sub="RewriteEngine off\n"
    ),
    "rewrite-inherit": Site(
        ON + "RewriteRule x$ run.cgi\n",
        "sub/x",
        "sub/y",
        sub=ON + "RewriteOptions Inherit\nRewriteRule y page.txt\n",
    ),
    "rewrite-denied": Site(
        ON
        + "RewriteRule ^a page.txt\nRewriteRule ^b sub/run.cgi\n<Files page.txt>\n"
        + DENIED
        + "</Files>\n",
        *("a", "b", "page.txt"),
        sub=DENIED,
    ),
    "rewrite-user": Site(
        BASIC + "Require valid-user\n" + ON + "RewriteRule ^a run.cgi?%%{REMOTE_USER}\n",
        "a",
        "a @ann",
        "a @ann:bad",
    ),
    "rewrite-index": Site(
        "Options -Indexes\n"
        + ON
        + "RewriteRule ^$ run.cgi?top\nRewriteRule ^sub/$ run.cgi?sub\nRewriteRule index other.html\n",
        *("", "sub/", "sub", "sub/deep/", "sub/index.html"),
    ),
    "rewrite-links": Site("Options -FollowSymLinks\n" + ON + "RewriteRule ^a run.cgi\n", "a", "page.txt"),
    "rewrite-and-redirect": Site(
        "Redirect /rewrite-and-redirect/a /x\n" + ON + "RewriteRule ^a run.cgi\nRewriteRule ^ab /y [R]\n",
        "a",
        "ab",
    ),
    "rewrite-error": Site(
        "ErrorDocument 404 /rewrite-error/lost\n"
        + ON
        + "RewriteRule ^lost run.cgi?%%{ENV:REDIRECT_STATUS}\n",
        "none",
    ),
    "rewrite-trailing": Site(
        ON + "RewriteRule ^(.+)/$ /rewrite-trailing/$1 [R=301,L]\n", "a/", "a/b/", "sub/", "sub"
    ),
    "rewrite-https": Site(
        ON + "RewriteCond %%{HTTPS} !=on\nRewriteRule ^ https://%%{HTTP_HOST}%%{REQUEST_URI} [L,R=301]\n",
        *("page.txt", "sub/", "a%20b?c=d%20e"),
    ),
    "rewrite-classes": Site(
        ON + "RewriteRule ^([[:alpha:]]+)-([^[:alpha:]_]+)$ run.cgi?$1.$2 [L]\n"
        "RewriteRule ^([]x[:digit:]]{2})$ run.cgi?$1 [L]\nRewriteRule ^([[:punct:]])/ run.cgi?punct [B]\n",
        *("ab-12", "ab-1_", "a1-2", "1]", "x9", "xy", "!/", "a/", "~/"),
    ),
    "rewrite-bad-class": Site(ON + "RewriteRule ^[[:nothing:]] run.cgi\n"),
    "rewrite-bad-flag": Site(ON + "RewriteRule a b [XX]\n"),
    "rewrite-bad-expression": Site(ON + "RewriteRule ( b\n"),
    "rewrite-few": Site(ON + "RewriteRule a\n"),
}
for _name, _site in REWRITES.items():
    _site.name = _name
