"""Small sites with .htaccess files, and what is asked of each. Real Apache says what the answers are.

Every site has the same files (see FILES) and a few of its own. A request is a path, perhaps with a method
before it and a user after it, as "POST run.cgi @ann".
"""

from __future__ import annotations

from dataclasses import dataclass, field

SCRIPT = """\
#!/bin/sh
echo "Content-Type: text/plain"
echo "X-Out: script"
echo "X-Out2: script"
echo
echo "$REMOTE_USER/$AUTH_TYPE/$REQUEST_METHOD/$PATH_INFO/$FOO/$BAR"
echo "$SCRIPT_NAME?$QUERY_STRING $REQUEST_URI"
env | grep -e '^REDIRECT_' -e '^HTTP_X_' -e '^REMOTE_HOST' | sort
"""
FILES = (
    "page.txt",
    "other.html",
    "sub/page.txt",
    "sub/deep/page.txt",
    "sub/run.cgi",
    "run.cgi",
    "run.de.cgi",
    "page.cgi",
    "sub/index.html",
    "a.sh",
    "bad.cgi",
    "a.foo",
    "a.foo.txt",
    *("b.foo", "b.foo.txt", "b.txt.foo", "b.ru.html", "b.html.ru", "b.txt.gz", "b.gz", "b.tar.gz"),
    *("b.html.de", "b.de.html", "b.html", "b.fr", "sub/b.html.de"),
)
# Who exists, with what password; "bad" gives another.
USERS = {"ann": "secret", "bob": "geheim", "cy": "x" * 80, "dee": "pass:word", "ümit": "grün"}
KINDS = {"ann": "ldap_sha1", "bob": "apr_md5_crypt", "cy": "bcrypt", "dee": "sha512_crypt", "ümit": "bcrypt"}
GROUPS = "staff: ann bob\nothers: cy\nstaff: dee\n"

BASIC = 'AuthType Basic\nAuthName "Members \\"only\\""\nAuthUserFile %(home)s/users\n'
GROUP = BASIC + "AuthGroupFile %(home)s/groups\n"
EVERY = ("page.txt", "other.html", "sub/page.txt", "sub/deep/page.txt", "run.cgi", "sub/run.cgi/info", "none")
USERS_ASK = (
    "page.txt",
    "page.txt @ann",
    "page.txt @ann:bad",
    "page.txt @bob",
    "page.txt @cy",
    "run.cgi @dee",
    "page.txt @nobody",
    "run.cgi",
    "run.cgi @ann",
    "none",
    "none @ann",
    "sub/run.cgi/x @bob",
    "POST run.cgi @ann",
    "POST run.cgi",
    "HEAD page.txt",
    "HEAD page.txt @cy",
)
LISTS = ("", "sub/", "sub/deep/", "run.cgi", "sub/run.cgi", "page.txt")
ON = "RewriteEngine On\n"
DENIED = "Require all denied\n"
ERRORS = ("none", "page.txt", "none/x", "sub/page.txt", "sub/deep/page.txt", "bad.cgi", "HEAD none")
TYPES = ("page.txt", "other.html", "sub/page.txt", "sub/index.html", "none")


@dataclass
class Site:
    """`files` are those that differ from FILES, most of them an .htaccess."""

    files: dict[str, str]
    asked: tuple[str, ...] = EVERY
    name: str = field(default="", init=False)

    def __init__(self, htaccess: str = "", *asked: str, **files: str) -> None:
        self.files = {".htaccess": htaccess} if htaccess else {}
        self.files |= {name.replace("__", "/") + "/.htaccess": text for name, text in files.items()}
        self.asked = asked or EVERY
        self.name = ""


_NOT_ANN = "<RequireAll>\nRequire valid-user\nRequire not user ann\n</RequireAll>\n"
SITES = {
    "plain": Site("# nothing\n\n   # here either \\\n Require all denied\n"),
    "denied": Site("Require all denied\n"),
    "granted-below": Site("Require all denied\n", sub="Require all granted\n"),
    "denied-below": Site("", sub="Require all denied\n"),
    "deep": Site("Require all denied\n", sub__deep="Require all granted\n"),
    "case": Site("rEQUIRE ALL DENIED\n"),
    "quoted": Site("Require 'all' denied\n", sub='"Require" all GRANTED\n'),
    "continued": Site("Require \\\nall \\\n   denied\n"),
    "crlf": Site("Require all denied\r\n<Files page.txt>\r\nRequire all granted\r\n</Files>\r\n"),
    "files": Site("<Files page.txt>\nRequire all denied\n</Files>\n"),
    "files-wild": Site('<Files "*.t?t">\nRequire all denied\n</Files>\n'),
    "files-class": Site('<Files "[o-q]*.[!h]*">\nRequire all denied\n</Files>\n'),
    "files-tilde": Site('<Files ~ "\\.(txt|cgi)$">\nRequire all denied\n</Files>\n'),
    "files-match": Site('<FilesMatch "^p.*\\.txt$">\nRequire all denied\n</FilesMatch>\n'),
    "files-over-inner": Site("<Files page.txt>\nRequire all denied\n</Files>\n", sub="Require all granted\n"),
    "files-inner": Site(
        "<Files page.txt>\nRequire all denied\n</Files>\n",
        sub="<Files page.txt>\nRequire all granted\n</Files>\n",
    ),
    "index": Site("<Files index.html>\nRequire all denied\n</Files>\n", "sub/", "sub"),
    "index-user": Site(
        "", "sub/", "sub/ @ann", "sub @ann", "sub", "sub/index.html @bob", sub=BASIC + "Require valid-user\n"
    ),
    "slash": Site("", "sub", "sub/", sub="Require all denied\n"),
    "valid-user": Site(BASIC + "Require valid-user\n", *USERS_ASK),
    "user": Site(BASIC + "Require user ann cy ümit\n", *USERS_ASK, "page.txt @ümit", "run.cgi @ümit"),
    "not-user": Site(BASIC + _NOT_ANN, *USERS_ASK),
    "group": Site(GROUP + "Require group staff\n", *USERS_ASK),
    "group-missing": Site(BASIC + "Require group staff\n", *USERS_ASK),
    "user-or-group": Site(GROUP + "Require user cy\nRequire group staff\n", *USERS_ASK),
    "no-user-file": Site('AuthType Basic\nAuthName "x"\nRequire valid-user\n', *USERS_ASK),
    "lost-user-file": Site(
        "AuthType Basic\nAuthName x\nAuthUserFile /nonexistent/x\nRequire valid-user\n", *USERS_ASK
    ),
    "no-name": Site("AuthType Basic\nAuthUserFile %(home)s/users\nRequire valid-user\n", *USERS_ASK),
    "no-type": Site("Require valid-user\n", *USERS_ASK),
    "only-type": Site(BASIC, *USERS_ASK),
    "type-none": Site(
        BASIC + "Require valid-user\n", *USERS_ASK, "sub/page.txt", sub="AuthType None\nRequire all granted\n"
    ),
    "user-not-needed": Site(BASIC + "Require all granted\n", *USERS_ASK),
    "user-and-ip": Site(
        BASIC + "<RequireAll>\nRequire ip 127.0.0.1\nRequire user ann\n</RequireAll>\n", *USERS_ASK
    ),
    "user-or-ip": Site(BASIC + "Require ip 127\nRequire user ann\n", *USERS_ASK),
    "user-or-other-ip": Site(BASIC + "Require ip 10.1\nRequire user ann\n", *USERS_ASK),
    "user-and-other-ip": Site(
        BASIC + "<RequireAll>\nRequire ip 10.0.0.0/8\nRequire user ann\n</RequireAll>\n", *USERS_ASK
    ),
    "ip": Site("Require ip 127.0.0.0/8\n"),
    "ip-mask": Site("Require ip 127.0.0.0/255.0.0.0\n"),
    "ip-other": Site("Require ip 192.0.2.0/24 2001:db8::/32 ::1\n"),
    "ip-not": Site("<RequireAll>\nRequire all granted\nRequire not ip 127.0.0.1\n</RequireAll>\n"),
    "host": Site("Require host example.org LOCALHOST\n"),
    "host-other": Site("Require host example.org calhost .localhost host\n"),
    "host-not": Site("<RequireAll>\nRequire all granted\nRequire not host localhost\n</RequireAll>\n"),
    "host-or-ip": Site("Require host example.org\nRequire ip 127.0.0.1\n"),
    "host-and-user": Site(
        BASIC + "<RequireAll>\nRequire host localhost\nRequire user ann\n</RequireAll>\n", *USERS_ASK
    ),
    "host-in-directory": Site(
        "", "sub/", "sub/page.txt", "sub", "page.txt", sub="Require host nowhere.test\n"
    ),
    "host-by-error": Site(
        "ErrorDocument 404 /host-by-error/sub/page.txt\n", "none", sub="Require host localhost\n"
    ),
    "forward-dns": Site("Require forward-dns nowhere.invalid localhost\n"),
    "forward-dns-other": Site("Require forward-dns nowhere.invalid\n"),
    "header-early": Site(
        "Header set X-A early early\nRequestHeader set X-A early early\n", "page.txt", "run.cgi"
    ),
    "asks-for-a-part": Site("RequestHeader set Range bytes=0-2\n", "page.txt", "sub/page.txt", "none"),
    "local": Site("Require local\n"),
    "not-local": Site("<RequireAll>\nRequire all granted\nRequire not local\n</RequireAll>\n"),
    "method": Site(
        "Require method POST\n", "page.txt", "POST run.cgi", "run.cgi", "HEAD run.cgi", "PUT run.cgi"
    ),
    "method-get": Site("Require method GET\n", "page.txt", "POST run.cgi", "run.cgi", "HEAD run.cgi"),
    "require-env": Site("Require env NEVER\n"),
    "any-none": Site(
        BASIC + "<RequireAll>\nRequire valid-user\n<RequireNone>\nRequire user ann\n"
        "Require user bob\n</RequireNone>\n</RequireAll>\n",
        *USERS_ASK,
    ),
    "merging": Site("Require all granted\n", *EVERY, sub="AuthMerging Off\nRequire all granted\n"),
    "none-alone": Site("<RequireNone>\nRequire user ann\n</RequireNone>\n"),
    "none-in-any": Site(
        "<RequireAny>\n<RequireNone>\nRequire ip 10\n</RequireNone>\nRequire all granted\n</RequireAny>\n"
    ),
    "nested": Site(
        GROUP + "<RequireAny>\n<RequireAll>\nRequire group staff\nRequire not user bob\n"
        "</RequireAll>\nRequire user cy\n</RequireAny>\n",
        *USERS_ASK,
    ),
    "limit": Site("<Limit POST PUT>\nRequire all denied\n</Limit>\n", "page.txt", "POST run.cgi", "run.cgi"),
    "limit-user": Site(BASIC + "<Limit GET>\nRequire valid-user\n</Limit>\n", *USERS_ASK),
    "limit-except": Site(
        BASIC + "<LimitExcept GET OPTIONS>\nRequire valid-user\n</LimitExcept>\n", *USERS_ASK
    ),
    "limit-both": Site(
        "<Limit GET>\nRequire all granted\n</Limit>\n<LimitExcept GET>\nRequire all denied\n</LimitExcept>\n",
        "run.cgi",
        "POST run.cgi",
        "HEAD run.cgi",
        "DELETE run.cgi",
    ),
    "deny": Site("Order allow,deny\nDeny from all\n"),
    "deny-alone": Site("Deny from all\n"),
    "allow-host": Site("Order deny,allow\nDeny from all\nAllow from example.org LocalHost\n"),
    "allow-host-other": Site("Order deny,allow\nDeny from all\nAllow from example.org calhost\n"),
    "deny-host": Site("Order allow,deny\nAllow from all\nDeny from 10.1 localhost\n"),
    "allow-alone": Site("Allow from 10.0.0.1\n"),
    "order-allow": Site("Order Allow,Deny\n"),
    "order-deny": Site("Order Deny,Allow\n"),
    "allow-deny": Site("Order allow,deny\nAllow from all\nDeny from 127.0.0.1\n"),
    "deny-allow": Site("Order deny,allow\nDeny from all\nAllow from 127.0.0.0/255.0.0.0\n"),
    "mutual": Site("Order mutual-failure\nAllow from 127\nDeny from 10\n"),
    "old-and-new": Site("Order deny,allow\nDeny from all\nRequire all granted\n"),
    "old-below": Site("Order allow,deny\nDeny from all\n", sub="Allow from all\n"),
    "old-replaced": Site("Order deny,allow\nDeny from all\n", sub="Order deny,allow\n"),
    "old-env": Site("Order deny,allow\nDeny from env=!NEVER\n"),
    "old-limit": Site("<Limit POST>\nOrder deny,allow\nDeny from all\n</Limit>\n", "run.cgi", "POST run.cgi"),
    "satisfy-any": Site(
        BASIC + "Require valid-user\nOrder deny,allow\nDeny from all\nSatisfy any\n", *USERS_ASK
    ),
    "satisfy-any-ip": Site(
        BASIC + "Require valid-user\nOrder deny,allow\nDeny from all\nAllow from 127\nSatisfy Any\n",
        *USERS_ASK,
    ),
    "satisfy-all": Site(
        BASIC + "Require valid-user\nOrder deny,allow\nDeny from all\nAllow from 127\nSatisfy All\n",
        *USERS_ASK,
    ),
    "satisfy-all-ip": Site(BASIC + "Require ip 127.0.0.1\nSatisfy All\n", *USERS_ASK),
    "satisfy-granted": Site("Require all granted\nSatisfy All\n"),
    "satisfy-any-denied": Site("Require all denied\nDeny from all\nSatisfy Any\n"),
    "satisfy-any-open": Site("Require all denied\nSatisfy Any\n"),
    "if-module": Site("<IfModule mod_authz_core.c>\nRequire all denied\n</IfModule>\n"),
    "if-no-module": Site("<IfModule !authz_core_module>\nRequire all denied\n</IfModule>\n"),
    "if-php": Site(
        "<IfModule mod_php5.c>\nphp_flag x on\n<IfModule mod_y.c>\nFoo\n</IfModule>\n</IfModule>\n"
    ),
    "if-else": Site(
        "<IfModule mod_authz_core.c>\nRequire all denied\n</IfModule>\n"
        "<IfModule !mod_authz_core.c>\nOrder deny,allow\nDeny from all\n</IfModule>\n"
    ),
    "if-version": Site("<IfVersion >= 2.4>\nRequire all denied\n</IfVersion>\n"),
    "if-old-version": Site("<IfVersion < 2.4>\nRequire all denied\n</IfVersion>\n"),
    "if-define": Site("<IfDefine NEVER>\nRequire all denied\n</IfDefine>\n"),
    "forbidden-not-401": Site(BASIC + "Require user ann\n", "page.txt @bob"),
    # Options, handlers, indexes, variables
    "options": Site("Options +ExecCGI -Indexes\n", *LISTS),
    "options-listed": Site("Options +Indexes\n", *LISTS),
    "options-whole": Site("Options Indexes\n", *LISTS),
    "options-none": Site("Options None\n", *LISTS),
    "options-all": Site("Options All\n", *LISTS),
    "options-below": Site("Options Indexes\n", *LISTS, sub="Options +ExecCGI\n"),
    "options-below-less": Site("Options +Indexes\n", *LISTS, sub="Options -Indexes -ExecCGI\n"),
    "options-two-lines": Site("Options None\nOptions +ExecCGI\nOptions +Indexes\n", *LISTS),
    "options-in-files": Site("Options -Indexes\n<Files run.cgi>\nOptions -ExecCGI\n</Files>\n", *LISTS),
    "options-mixed": Site("Options Indexes -ExecCGI\n", *LISTS),
    "options-unknown": Site("Options Everything\n", *LISTS),
    "list-denied": Site(
        "Options +Indexes\n<Files page.txt>\nRequire all denied\n</Files>\n",
        *LISTS,
        sub__deep="Require all denied\n",
    ),
    "list-user": Site(
        "Options +Indexes\n", "sub/", "sub/deep/", "sub/deep/ @ann", sub__deep=BASIC + "Require valid-user\n"
    ),
    "list-ignored": Site("Options +Indexes\nIndexIgnore *.txt run*\n", *LISTS, sub="IndexIgnore deep\n"),
    "set-handler": Site("<Files a.sh>\nSetHandler cgi-script\n</Files>\n", "a.sh", "a.sh/x", "run.cgi"),
    "handler": Site(
        "AddHandler cgi-script .sh .foo\n", "a.sh", "a.sh/more/x", "a.foo.txt", "a.foo", "run.cgi", *EVERY
    ),
    "handler-undotted": Site("AddHandler cgi-script sh FOO\n", "a.sh", "a.foo", "a.foo.txt"),
    "handler-without-exec": Site("AddHandler cgi-script .sh\nOptions Indexes\n", "a.sh", "run.cgi"),
    "handler-removed": Site("RemoveHandler .cgi\n", "run.cgi", "sub/run.cgi"),
    "handler-removed-added": Site(
        "RemoveHandler .cgi\n", "run.cgi", "sub/run.cgi", sub="AddHandler cgi-script .cgi\n"
    ),
    "handler-default": Site(
        "SetHandler default-handler\n", "run.cgi", "sub/run.cgi", sub="SetHandler None\n"
    ),
    "handler-all": Site("SetHandler cgi-script\n", "run.cgi", "a.sh", "sub/run.cgi/x"),
    "handler-denied": Site("AddHandler cgi-script .sh\nRequire all denied\n", "a.sh", "a.sh/x"),
    "index-names": Site("DirectoryIndex other.html page.txt\n", "", "sub/", "sub/deep/"),
    "index-script": Site("DirectoryIndex run.cgi\n", "", "sub/", "?a=b"),
    "index-script-denied": Site(
        "DirectoryIndex run.cgi\n<Files run.cgi>\nRequire all denied\n</Files>\n", "", "sub/"
    ),
    "index-more": Site("DirectoryIndex nothing\nDirectoryIndex run.cgi\n", "", "sub/"),
    "index-replaced": Site("DirectoryIndex run.cgi\n", "sub/", "sub/deep/", sub="DirectoryIndex page.txt\n"),
    "index-elsewhere": Site(
        "DirectoryIndex none /index-elsewhere/none /index-elsewhere/run.cgi\n",
        *("", "?a=b", "sub/?a=b", "sub/deep/", "POST "),
        sub="DirectoryIndex deep/page.txt\n",
        sub__deep="DirectoryIndex /index-elsewhere/denied.txt /index-elsewhere/sub/page.txt\n",
    ),
    "index-elsewhere-denied": Site(
        "DirectoryIndex /index-elsewhere-denied/sub/run.cgi\n", *("", "sub/"), sub=DENIED
    ),
    "index-of-denied": Site("", "sub/", sub="DirectoryIndex /index-of-denied/run.cgi\n" + DENIED),
    "index-disabled": Site("DirectoryIndex disabled\nOptions +Indexes\n", "sub/"),
    "env": Site(
        "SetEnv FOO one\nSetEnv BAR 'two words'\n", "run.cgi", "sub/run.cgi", sub="SetEnv FOO\nUnsetEnv BAR\n"
    ),
    "env-not-ours": Site("SetEnv REQUEST_METHOD FORGED\nSetEnv FOO a\nUnsetEnv FOO\n", "run.cgi"),
    "env-denied": Site("SetEnv FOO 1\nRequire env FOO\n", "run.cgi"),
    "env-if": Site(
        'SetEnvIf Request_URI "\\.c.i" FOO=$0 BAR\n'
        "SetEnvIf Request_URI sub !BAR FOO=x\nSetEnvIf FOO x BAR=y\n",
        "run.cgi",
        "sub/run.cgi",
    ),
    "env-if-method": Site(
        'SetEnvIf Request_Method "^(P.)" FOO=$1\nSetEnvIf Remote_Addr ^127 BAR=local\n',
        "run.cgi",
        "POST run.cgi",
        "HEAD run.cgi",
    ),
    "env-if-header": Site(
        "SetEnvIfNoCase host L.CAL FOO=$0\nBrowserMatch ^$ BAR=none\nSetEnvIf X-No . FOO\n", "run.cgi"
    ),
    "env-if-and-env": Site("SetEnvIf Host . FOO=if\nSetEnv FOO env\n", "run.cgi"),
    "env-if-inner": Site(
        "SetEnvIf Host . FOO=outer BAR=outer\n", "sub/run.cgi", sub="SetEnvIf Host . FOO=inner\n"
    ),
    "env-if-required": Site(
        "SetEnvIf Request_URI page OK\nRequire env OK\n", "page.txt", "run.cgi", "sub/page.txt"
    ),
    "env-if-denied": Site(
        "SetEnvIf Request_URI page BAD=1\nOrder allow,deny\nAllow from all\nDeny from env=BAD\n"
    ),
    "env-if-few": Site("SetEnvIf Host\n"),
    # Types and redirects
    "type": Site("AddType image/x-odd .txt\n", *TYPES, sub="AddType text/odd html\nRemoveType .txt\n"),
    "type-two-endings": Site("AddType image/x-odd .foo\n", "b.foo.txt", "b.txt.foo", "b.foo"),
    "force-type": Site("ForceType application/x-odd\n", *TYPES, sub="ForceType None\n"),
    "charset": Site("AddCharset utf-8 .html\nAddCharset koi8-r ru\n", *TYPES, "b.ru.html", "b.html.ru"),
    "default-charset": Site(
        "AddDefaultCharset utf-8\n",
        *(*TYPES, "run.cgi", "page.cgi", "bad.cgi", "sub/run.cgi"),
        sub="AddDefaultCharset Off\n",
    ),
    "default-charset-changed": Site(
        "AddDefaultCharset utf-8\nHeader edit Content-Type html odd\nHeader set X-A a\n",
        "run.cgi",
        "page.cgi",
    ),
    "types-of-scripts": Site(
        "AddLanguage de .de\nAddCharset koi8-r .de .cgi\nAddType text/odd .cgi\nAddEncoding x-gzip .de\n",
        *("run.cgi", "run.de.cgi", "page.cgi"),
    ),
    "default-charset-on": Site("AddDefaultCharset On\nAddCharset utf-8 .html\n", *TYPES),
    "encoding": Site(
        "AddEncoding x-gzip .gz\nAddType text/odd .txt\n", "b.txt.gz", "b.gz", "b.tar.gz", "page.txt"
    ),
    "language": Site("AddLanguage de .de\nAddLanguage fr fr\n", "b.html.de", "b.de.html", "b.html", "b.fr"),
    "type-removed": Site("AddLanguage de .de\n", "sub/b.html.de", sub="RemoveLanguage .de\n"),
    "default-type": Site("DefaultType text/odd\n", *TYPES),
    "type-php": Site("<Files x.php>\nAddType text/plain .php\n</Files>\n", "page.txt"),
    "redirect": Site(
        "Redirect /redirect/old http://127.0.0.1/new\nRedirect permanent /redirect/sub/ /redirect/\n"
        "Redirect gone /redirect/gone\nRedirect 307 /redirect/seven /x?y\nRedirectTemp /redirect/t /t\n"
        "RedirectPermanent /redirect/p /p\nRedirect 404 /redirect/page.txt\n"
        "Redirect seeother /redirect/s /s\n",
        "old",
        "old/a%20b",
        "old?a=b",
        "older",
        "sub/page.txt",
        "sub/",
        "sub",
        "gone",
        "gone/x",
        "seven",
        "seven?a=b",
        "t/x",
        "p",
        "page.txt",
        "s",
        "other.html",
        "POST old",
        "run.cgi",
    ),
    "redirect-match": Site(
        'RedirectMatch "^/redirect-match/(.*)\\.gif$" /$1.jpg\nRedirectMatch 301 /redirect-match/a/b '
        "http://x.org/?q=$0\n"
        'RedirectMatch 410 "secret"\nRedirectMatch 403 \\.html$\n',
        "x.gif",
        "a/b",
        "a/b/c?d=e",
        "very-secret-x",
        "page.txt",
        "other.html",
        "x%20y.gif",
        "x.gif?a",
    ),
    "redirect-inner": Site(
        "Redirect /redirect-inner/sub /outer\n", "sub/x", "sub", sub="Redirect /redirect-inner/sub /inner\n"
    ),
    "redirect-denied": Site("Redirect /redirect-denied/x /y\nRequire all denied\n", "x", "page.txt"),
    "redirect-never": Site("Redirect old /new\n", "page.txt", "old"),
    "redirect-bad-status": Site("Redirect 200 /x /y\n"),
    "redirect-all": Site("Redirect /x\n", "page.txt", "sub/?a=b", "none", sub="Redirect gone\n"),
    # In place of something
    "error-text": Site('ErrorDocument 404 "Not & here"\nErrorDocument 403 Gone!\n', *ERRORS, sub=DENIED),
    "error-file": Site(
        "ErrorDocument 404 /error-file/page.txt\nErrorDocument 403 /error-file/sub/page.txt\n"
        "ErrorDocument 500 /error-file/page.txt\n",
        *ERRORS,
        sub__deep=DENIED,
    ),
    "error-script": Site(
        "ErrorDocument 404 /error-script/run.cgi/info?q=a\nErrorDocument 500 /error-script/run.cgi\n"
        "SetEnvIf Request_URI none FOO=was\n",
        "none?a=b",
        "none",
        "sub/none",
    ),
    "error-url": Site("ErrorDocument 404 http://example.org/x?y\nErrorDocument 403 /error-url/\n", *ERRORS),
    "error-401": Site(
        BASIC + "Require valid-user\nErrorDocument 401 /error-401/sub/run.cgi\n",
        "page.txt",
        "run.cgi?x",
        "page.txt @ann",
        sub="Satisfy any\nAllow from all\n",
    ),
    "error-401-itself": Site(
        BASIC + "Require valid-user\nErrorDocument 401 /error-401-itself/other.html\n", *USERS_ASK
    ),
    "error-lost": Site("ErrorDocument 404 /error-lost/lost\n", *ERRORS),
    "error-inner": Site(
        'ErrorDocument 404 "outer"\n',
        "none",
        "sub/none",
        "sub/deep/none",
        sub="ErrorDocument 404 inner\n",
        sub__deep="ErrorDocument 404 default\n",
    ),
    "error-method": Site("ErrorDocument 404 /error-method/run.cgi\n", "POST none?x=y", "HEAD none"),
    "error-redirect": Site(
        "ErrorDocument 410 /error-redirect/run.cgi\nRedirect gone /error-redirect/x\n", "x"
    ),
    "error-few": Site("ErrorDocument 404\n"),
    "error-many": Site("ErrorDocument 404 Not Here\n"),
    "error-status": Site("ErrorDocument 99 x\n"),
    "path-info": Site(
        "AcceptPathInfo Off\n", "run.cgi", "run.cgi/x", "sub/run.cgi/x", sub="AcceptPathInfo On\n"
    ),
    "fallback": Site(
        "FallbackResource /fallback/run.cgi\n",
        "none",
        "none/a/b?x=y",
        "page.txt",
        "run.cgi/x",
        "POST none",
        "sub/none",
        "sub/deep/none",
        sub__deep="FallbackResource disabled\n",
    ),
    "fallback-denied": Site(
        "FallbackResource /fallback-denied/run.cgi\n<Files run.cgi>\nRequire all denied\n</Files>\n", "none"
    ),
    "fallback-lost": Site("FallbackResource /fallback-lost/lost\n", "none"),
    "fallback-file": Site("FallbackResource /fallback-file/page.txt\n", "none", "none/x", "sub/none"),
    "limit-body": Site(
        "LimitRequestBody 2\n", "run.cgi", "POST run.cgi", "POST sub/run.cgi", sub="LimitRequestBody 0\n"
    ),
    # Headers
    "header": Site(
        'Header set X-A "one"\nHeader append X-A two\nHeader add X-B 1\nHeader add X-B 2\n'
        "Header merge X-A two\n"
        "Header merge X-A three\nHeader setifempty X-A no\nHeader setifempty X-C c\nHeader set X-D d\n"
        'Header unset X-D\nHeader set Cache-Control "max-age=60, public"\nHeader edit X-A one "1$0"\n'
        "Header edit* X-B [12] x\nHeader unset ETag\n",
        *("page.txt", "run.cgi", "none", "sub/page.txt", "sub", "sub/", "HEAD page.txt"),
        sub="Header set X-A inner\nHeader unset X-C\n",
    ),
    "header-always": Site(
        "Header always set X-A always\nHeader set X-B fine\nHeader always unset X-Out\n"
        "Header always add X-C 1\n"
        "<Files page.txt>\n" + DENIED + "</Files>\n",
        *("page.txt", "run.cgi", "none", "other.html", "sub"),
    ),
    "header-script": Site("Header set X-Out changed\nHeader unset X-Out2\n", "run.cgi", "page.txt"),
    "header-script-always": Site("Header always set X-Out changed\nHeader always unset X-Out2\n", "run.cgi"),
    "header-env": Site(
        "SetEnvIf Request_URI cgi FOO=bar\nHeader set X-A a env=FOO\nHeader set X-B b env=!FOO\n"
        'SetEnv BAR set\nHeader set X-C "%%{FOO}e-%%{BAR}e-100%%%%"\n',
        *("page.txt", "run.cgi"),
    ),
    "header-request": Site(
        "RequestHeader set X-Foo one\nRequestHeader append X-Foo two\nRequestHeader unset Host\n", "run.cgi"
    ),
    "header-error": Site(
        "Header set X-A a\nHeader always set X-B b\nErrorDocument 404 /header-error/page.txt\n",
        "none",
        "bad.cgi",
    ),
    "header-bad": Site("Header change X y\n"),
    "header-few": Site("Header set\n"),
    "expires": Site(
        'ExpiresActive On\nExpiresByType text/plain "access plus 1 month 2 days"\n'
        "ExpiresByType image/gif M5\nExpiresDefault A3600\n",
        *("page.txt", "other.html", "run.cgi", "none"),
        "sub/page.txt",
        sub="ExpiresActive Off\n",
    ),
    "expires-header": Site(
        'ExpiresActive On\nExpiresDefault "now plus 1 hour"\nHeader append Cache-Control public\n', *TYPES
    ),
    "expires-bad": Site('ExpiresActive On\nExpiresDefault "soon"\n'),
    "file-etag": Site("FileETag None\n", "page.txt"),
    # Mistakes
    "unknown": Site("", *EVERY, sub="Nonsense on\n"),
    "unclosed": Site("<Files x>\nRequire all granted\n"),
    "wrongly-closed": Site("<Files x>\n</Limit>\n"),
    "closed-twice": Site("</Files>\n"),
    "no-bracket": Site("<Files x\n</Files>\n"),
    "few-words": Site("Require\n"),
    "bad-all": Site("Require all maybe\n"),
    "bad-provider": Site("Require weather fine\n"),
    "bad-ip": Site("Require ip 300.1.1.1\n"),
    "bad-order": Site("Order deny, allow\n"),
    "bad-expression": Site('<FilesMatch "(x">\nRequire all denied\n</FilesMatch>\n'),
    "negative-alone": Site("Require not ip 10.0.0.1\n"),
    "empty-all": Site("<RequireAll>\n</RequireAll>\n"),
    "not-here": Site("DocumentRoot /tmp\n"),
    "directory-here": Site("<Directory />\n</Directory>\n"),
    "override-here": Site("AllowOverride None\n"),
    "mistake-in-unmatched": Site("<Files nothing>\nNonsense\n</Files>\n"),
}
for _name, _site in SITES.items():
    _site.name = _name

# Where we answer otherwise, and why; docs/apache.md has each.
_NO_FILE = "Apache sends the client to the file's own name, which is no URL"
OTHERWISE: dict[tuple[str, str], str] = {
    ("rewrite-moved", "g"): _NO_FILE,
    ("rewrite-moved", "i"): _NO_FILE,
    ("rewrite-moved", "h"): "Apache compares the port of its socket, we that of the Host header",
}
