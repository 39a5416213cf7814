"""The files that distributions ship are understood as they are, with a host added."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.doors import Serve
from tests.harness.processes import until

DEBIAN = Path("/etc/apache2/apache2.conf")
HOST = """\
<VirtualHost *:80>
    ServerName www.example.org
    DocumentRoot "{root}"
    Alias "/icons/" "{home}/icons/"
    Alias /one.txt "{home}/icons/alone.txt"
    ScriptAlias /cgi-bin/ "{home}/programs/"
    ScriptAlias /search "{home}/programs/find.sh"
    <Directory "{home}">
        AllowOverride All
        Require all granted
    </Directory>
</VirtualHost>
"""
# What Fedora's httpd.conf and conf.d say, in the order in which they do.
FEDORA = """\
ServerRoot "{home}/etc"
Listen 80
IncludeOptional conf.modules.d/*.conf
User apache
Group apache
ServerAdmin root@localhost
<Directory />
    AllowOverride none
    Require all denied
</Directory>
DocumentRoot "{root}"
<Directory "/var/www">
    AllowOverride None
    Require all granted
</Directory>
<Directory "/var/www/html">
    Options Indexes FollowSymLinks
    AllowOverride None
    Require all granted
</Directory>
<IfModule dir_module>
    DirectoryIndex index.html
</IfModule>
<Files ".ht*">
    Require all denied
</Files>
ErrorLog "logs/error_log"
LogLevel warn
<IfModule log_config_module>
    LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
    <IfModule logio_module>
      LogFormat "%h %l %u %t %I %O" combinedio
    </IfModule>
    CustomLog "logs/access_log" combined
</IfModule>
<IfModule alias_module>
    ScriptAlias /cgi-bin/ "/var/www/cgi-bin/"
</IfModule>
<Directory "/var/www/cgi-bin">
    AllowOverride None
    Options None
    Require all granted
</Directory>
<IfModule mime_module>
    TypesConfig /etc/mime.types
    AddType application/x-compress .Z
    AddType application/x-gzip .gz .tgz
    AddType text/html .shtml
    AddOutputFilter INCLUDES .shtml
</IfModule>
AddDefaultCharset UTF-8
<IfModule mime_magic_module>
    MIMEMagicFile conf/magic
</IfModule>
EnableSendfile on
<IfModule mod_http2.c>
    Protocols h2 h2c http/1.1
</IfModule>
IndexOptions FancyIndexing HTMLTable VersionSort
Alias /icons/ "/usr/share/httpd/icons/"
<Directory "/usr/share/httpd/icons">
    Options Indexes MultiViews FollowSymlinks
    AllowOverride None
    Require all granted
</Directory>
AddIconByEncoding (CMP,/icons/compressed.gif) x-compress x-gzip
DefaultIcon /icons/unknown.gif
ReadmeName README.html
IndexIgnore .??* *~ *# HEADER* README* RCS CVS *,v *,t
UserDir disabled
<Directory "/home/*/public_html">
    AllowOverride FileInfo AuthConfig Limit Indexes
    Options MultiViews Indexes SymLinksIfOwnerMatch IncludesNoExec
    Require method GET POST OPTIONS
</Directory>
<LocationMatch "^/+$">
    Options -Indexes
    ErrorDocument 403 /.noindex.html
</LocationMatch>
Alias /.noindex.html /usr/share/httpd/noindex/index.html
"""


@pytest.mark.xdist_group("apache-conf")
@pytest.mark.parametrize("name", ["debian", "fedora"])
def test_stock_files(home, name):
    place = home / f"stock-{name}"
    for folder in ("www", "icons", "programs", "etc"):
        (place / folder).mkdir(parents=True)
    if name == "debian" and not DEBIAN.exists():
        pytest.skip("Debian's Apache is not installed")
    text = f'ServerRoot "{DEBIAN.parent}"\nInclude apache2.conf\n' if name == "debian" else FEDORA
    conf = (text + HOST).replace("{root}", str(place / "www")).replace("{home}", str(place))
    (place / "httpd.conf").write_text(conf)
    (place / "icons" / "a.gif").write_text("picture")
    (place / "icons" / "alone.txt").write_text("alone")
    for script in ("find.sh", "x.sh"):
        (place / "programs" / script).write_text('#!/bin/sh\nprintf "\\n$SCRIPT_NAME $PATH_INFO"\n')
        (place / "programs" / script).chmod(0o755)
    door = Serve("fork", place, 'apache-conf = "../httpd.conf"\n')

    def get(path):
        data = f"GET {path} HTTP/1.0\r\nHost: www.example.org\r\n\r\n"
        answer = door.send(data.encode()).finish()
        return (answer.status, answer.body.decode())

    try:
        (door.root / "page").write_text("page")
        (door.root / "robots").symlink_to("/etc/hostname")
        assert get("/page") == (200, "page")
        assert get("/icons/a.gif") == (200, "picture")
        assert get("/one.txt") == (200, "alone")
        assert get("/cgi-bin/x.sh/more") == (200, "/cgi-bin/x.sh /more")
        assert get("/search") == (200, "/search ")
        assert get("/search/for") == (200, "/search /for")
        (place / "programs" / ".htaccess").write_text("Require all denied\n")
        (place / "icons" / ".htaccess").write_text("<Files alone.txt>\nRequire all denied\n</Files>\n")
        refused = [
            get(path)[0] for path in ("/search", "/cgi-bin/x.sh", "/one.txt", "/robots", "/icons/../page")
        ]
        assert refused == [403, 403, 403, 403, 400]
        assert get("/icons/a.gif")[0] == 200
        until(lambda: "ignored" in door.log())
    finally:
        door.stop()
