"""Who takes part: one row for each peer, set up the way its users do it.

A row names the servers that it consists of (a command, a configuration, variables), what must be installed
for it, the URLs at which it has the pages, and which scripts it cannot serve and why. %(...)s stands for what
is different each time: `home` (a directory of the peer's own), `port`, `root` (the document root, with
cgi-bin), `python` (that of an environment with cgicompat, what else is installed, and ballast.py),
`bare` (where the interpreter is that runs scripts as programs, with no packages but cgicompat, and
cgicompat-cgi), `cores`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

RUNNERS = ("cgi", "fork", "cgihandler", "auto")
# What makes of a name there what is measured: cgihandler by guards, by memory put back.
WAYS = {"cgihandler": " --put-back guards", "auto": " --put-back memory"}
MODULES = "/usr/lib/apache2/modules"


@dataclass(frozen=True)
class Need:
    """A program on PATH, a file (an absolute path) or a Python module, and the package that has it."""

    what: str
    package: str
    module: bool = False


@dataclass(frozen=True)
class Server:
    """One command; `configuration` is written to %(home)s/NAME first."""

    name: str
    command: str
    configuration: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    not_as_root: bool = False


@dataclass(frozen=True)
class Peer:
    """A row. `url` has {page} where the script's name comes; `cannot` says of a script's key why."""

    name: str
    group: str
    what: str
    servers: tuple[Server, ...]
    needs: tuple[Need, ...] = ()
    url: str = "/cgi-bin/{page}.py"
    cannot: Mapping[str, str] = field(default_factory=dict)
    only: tuple[str, ...] = ()  # scripts; empty is all
    headers: Mapping[str, str] = field(default_factory=dict)
    before: bool = False  # it is run by the other checkout, with which this one is compared

    @property
    def runs_scripts(self) -> bool:
        """Can it run a script that it does not know?"""
        return self.url == "/cgi-bin/{page}.py" and not self.only


APACHE = Need("apache2", "apache2")
NGINX = Need("nginx", "nginx-light")
FCGIWRAP = Need("fcgiwrap", "fcgiwrap")
MOD_PYTHON = Need(f"{MODULES}/mod_python.so", "libapache2-mod-python")
MOD_WSGI = Need(f"{MODULES}/mod_wsgi.so", "libapache2-mod-wsgi-py3")
LIGHTTPD = Need("lighttpd", "lighttpd")
UWSGI = Need("/usr/lib/uwsgi/plugins/cgi_plugin.so", "uwsgi-core")
COMPILER = Need("cc", "gcc")
GUNICORN = Need("gunicorn", "gunicorn", module=True)
GRANIAN = Need("granian", "granian", module=True)


def apache(modules: str, configuration: str, before: str = "") -> Server:
    """Apache with these modules, its other settings as they are unless set, after the command `before`."""
    lines = [
        f"LoadModule {name}_module {MODULES}/mod_{name}.so"
        for name in (*modules.split(), "authz_core", "alias", "mime", "env")
    ]
    command = "apache2 -D FOREGROUND -f %(home)s/apache2"
    return Server(
        "apache2",
        f"sh -c '{before} && exec {command}'" if before else command,
        "\n".join(lines)
        + """
ServerRoot "%(home)s"
PidFile "%(home)s/pid"
Mutex file:%(home)s
ErrorLog "%(home)s/error.log"
CustomLog "%(home)s/access.log" "%%h %%l %%u %%t \\"%%r\\" %%>s %%O"
ServerName localhost
Listen 127.0.0.1:%(port)s
DocumentRoot "%(root)s"
TypesConfig /etc/mime.types
<Directory "%(root)s">
    Require all granted
</Directory>
"""
        + configuration,
        not_as_root=True,
    )


def nginx(location: str) -> Server:
    return Server(
        "nginx",
        "nginx -p %(home)s -c %(home)s/nginx -e %(home)s/error.log",
        """\
%(user)s
daemon off;
worker_processes auto;
pid %(home)s/nginx.pid;
events { worker_connections 768; }
http {
    access_log %(home)s/access.log;
    client_body_temp_path %(home)s/body;
    scgi_temp_path %(home)s/scgi;
    proxy_temp_path %(home)s/proxy;
    fastcgi_temp_path %(home)s/fastcgi;
    uwsgi_temp_path %(home)s/uwsgi;
    client_max_body_size 1g;
    sendfile on;
    tcp_nopush on;
    server {
        listen 127.0.0.1:%(port)s;
        root %(root)s;
        location / {
"""
        + location
        + "        }\n    }\n}\n",
    )


def pool(runner: str, options: str = "") -> Server:
    command = f"%(python)s -m cgicompat pool %(root)s --bind unix:%(home)s/pool.sock --runner {runner} "
    return Server("pool", command + options + WAYS.get(runner, ""))


SCRIPT_ALIAS = 'ScriptAlias "/cgi-bin/" "%(root)s/cgi-bin/"\n'
CGID = 'ScriptSock "%(home)s/cgid"\n'
CLIENT = "%(python)s -m cgicompat client %(home)s/cgicompat-cgi"
HAND_OVER = "SetEnv CGICOMPAT_SOCKET unix:%(home)s/pool.sock\n"
SCGI = """\
            include /etc/nginx/scgi_params;
            scgi_pass unix:%(home)s/pool.sock;
            scgi_buffering off;
"""
FASTCGI = """\
            gzip off;
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
            fastcgi_pass unix:%(home)s/fcgiwrap.sock;
"""
PROXY = """\
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_redirect off;
            proxy_pass http://unix:%(home)s/gunicorn.sock;
"""
WRAPPED = (Server("fcgiwrap", "fcgiwrap -c 8 -s unix:%(home)s/fcgiwrap.sock"), nginx(FASTCGI))


def alias(client: str = "%(bare)s", more: str = "", before: str = "") -> Server:
    """Apache that leaves the scripts to the cgicompat-cgi in the directory `client`."""
    action = f"""\
ScriptAlias "/cgicompat" "{client}/cgicompat-cgi"
<Directory "{client}">
    Require all granted
</Directory>
<Directory "%(root)s/cgi-bin">
    Action cgicompat "/cgicompat"
    AddHandler cgicompat .py
</Directory>
"""
    return apache("mpm_event cgid actions", CGID + SCRIPT_ALIAS + action + more, before)


def mod_python(handler: str) -> str:
    path = "PythonPath \"sys.path + ['%(root)s']\"\n"
    lines = f"    SetHandler mod_python\n    PythonHandler {handler}\n    PythonDebug On\n"
    return f'{path}<Directory "%(root)s">\n{lines}</Directory>\n'


PEERS = (
    Peer(
        "mod_cgid",
        "CGI",
        "Apache (event), mod_cgid",
        (apache("mpm_event cgid", CGID + SCRIPT_ALIAS),),
        (APACHE,),
        headers={"Connection": "close"},
    ),
    Peer(
        "mod_cgi",
        "CGI",
        "Apache (prefork), mod_cgi",
        (apache("mpm_prefork cgi", SCRIPT_ALIAS),),
        (APACHE,),
    ),
    Peer("fcgiwrap", "CGI", "nginx, fcgiwrap with 8 processes", WRAPPED, (NGINX, FCGIWRAP)),
    Peer(
        "fcgiwrap-cat",
        "CGI",
        "nginx, fcgiwrap, `cat` in a shell script",
        WRAPPED,
        (NGINX, FCGIWRAP),
        url="/cgi-bin/{page}.sh",
        only=("S5", "S6"),
    ),
    Peer(
        "lighttpd",
        "CGI",
        "lighttpd, mod_cgi",
        (
            Server(
                "lighttpd",
                "lighttpd -D -f %(home)s/lighttpd",
                """\
server.document-root = "%(root)s"
server.bind = "127.0.0.1"
server.port = %(port)s
server.upload-dirs = ( "%(home)s" )
server.errorlog = "%(home)s/error.log"
server.modules += ( "mod_cgi" )
$HTTP["url"] =~ "^/cgi-bin/" { cgi.assign = ( "" => "" ) }
""",
            ),
        ),
        (LIGHTTPD,),
    ),
    Peer(
        "uwsgi",
        "CGI",
        "uWSGI, cgi plugin, 8 processes",
        (
            Server(
                "uwsgi",
                "uwsgi --plugins cgi --master --processes 8 --http-socket 127.0.0.1:%(port)s"
                " --http-socket-modifier1 9 --cgi /cgi-bin=%(root)s/cgi-bin",
            ),
        ),
        (UWSGI,),
    ),
    Peer(
        "http.server",
        "CGI",
        "python -m http.server --cgi",
        (
            Server(
                "http.server",
                "%(bare)s/python3 -W ignore -m http.server --cgi --bind 127.0.0.1 %(port)s",
                not_as_root=True,  # it would become nobody, who may not read the scripts
            ),
        ),
    ),
    Peer(
        "mod_python-cgihandler",
        "mod_python",
        "Apache (prefork), mod_python.cgihandler",
        (apache("mpm_prefork python", mod_python("mod_python.cgihandler")),),
        (APACHE, MOD_PYTHON),
        cannot={
            "S2": "its sys.stdin has no text, but bytes",
            "S4": "its sys.stdin has no buffer",
            "S5": "its sys.stdout has no buffer",
            "S6": "its sys.stdin has no buffer",
        },
    ),
    Peer(
        "mod_python-publisher",
        "rewrite",
        "Apache (prefork), functions under mod_python.publisher",
        (apache("mpm_prefork python", mod_python("mod_python.publisher")),),
        (APACHE, MOD_PYTHON),
        url="/published/pages/{page}",
        cannot={"S5": "it returns text", "S6": "it reads forms"},
    ),
    Peer(
        "mod_python-handler",
        "rewrite",
        "Apache (prefork), a handler for mod_python",
        (apache("mpm_prefork python", mod_python("rewrite")),),
        (APACHE, MOD_PYTHON),
        url="/rewrite/{page}",
    ),
    Peer(
        "mod_wsgi",
        "rewrite",
        "Apache (event), mod_wsgi, a daemon process for each core",
        (
            apache(
                "mpm_event wsgi",
                """\
WSGISocketPrefix "%(home)s/wsgi"
WSGIDaemonProcess rewrite processes=%(cores)s home=%(root)s python-path=%(root)s
WSGIProcessGroup rewrite
WSGIApplicationGroup %%{GLOBAL}
WSGIScriptAlias / "%(root)s/rewrite.py"
""",
            ),
        ),
        (APACHE, MOD_WSGI),
        url="/{page}",
    ),
    Peer(
        "gunicorn",
        "rewrite",
        "nginx, gunicorn with 2 x cores + 1 sync workers",
        (
            Server(
                "gunicorn",
                "%(python)s -m gunicorn --workers %(more)s --bind unix:%(home)s/gunicorn.sock"
                " --pythonpath %(root)s rewrite:application",
            ),
            nginx(PROXY),
        ),
        (NGINX, GUNICORN),
        url="/{page}",
    ),
    Peer(
        "granian",
        "rewrite",
        "granian, a worker for each core",
        (
            Server(
                "granian",
                "%(python)s -m granian --interface wsgi --workers %(cores)s --host 127.0.0.1 --port %(port)s"
                " --working-dir %(root)s rewrite:application",
            ),
        ),
        (GRANIAN,),
        url="/{page}",
    ),
    *(
        Peer(
            f"serve-{runner}",
            "cgicompat",
            f"cgicompat serve, {runner}",
            (
                Server(
                    "serve",
                    "%(python)s -m cgicompat serve %(root)s --port %(port)s --runner "
                    f"{runner}{WAYS.get(runner, '')}",
                ),
            ),
        )
        for runner in RUNNERS
    ),
    *(
        Peer(f"scgi-{runner}", "cgicompat", f"nginx, SCGI, {runner}", (pool(runner), nginx(SCGI)), (NGINX,))
        for runner in RUNNERS
    ),
    Peer(
        "scgi-fork-150M",
        "cgicompat",
        "nginx, SCGI, fork with 150 MB of preloads",
        (pool("fork", "--preload ballast"), nginx(SCGI)),
        (NGINX,),
    ),
    *(
        Peer(
            f"wsgi-{runner}",
            "cgicompat",
            f"gunicorn with 24 threads, WSGI door, {runner}",
            (
                Server(
                    "gunicorn",
                    "%(python)s -m gunicorn --threads 24 --bind 127.0.0.1:%(port)s cgicompat.wsgi:app",
                    env={"CGICOMPAT_DIRECTORY": "%(root)s", "CGICOMPAT_RUNNER": runner},
                ),
            ),
            (GUNICORN,),
        )
        for runner in RUNNERS
    ),
    Peer(
        "alias",
        "cgicompat",
        "Apache (event), mod_cgid, cgicompat-cgi runs the script",
        (alias(),),
        (APACHE,),
    ),
    *(
        Peer(
            f"alias-{runner}",
            "cgicompat",
            f"Apache (event), mod_cgid, cgicompat-cgi hands over to a pool, {runner}",
            (pool(runner), alias(more=HAND_OVER)),
            (APACHE,),
        )
        for runner in RUNNERS
    ),
    *(
        Peer(
            f"client-{runner}",
            "cgicompat",
            f"Apache (event), mod_cgid, the client in C hands over to a pool, {runner}",
            (pool(runner), alias("%(home)s", HAND_OVER, CLIENT)),
            (APACHE, COMPILER),
        )
        for runner in RUNNERS
    ),
    Peer(
        "client-python-cgihandler",
        "cgicompat",
        "Apache (event), mod_cgid, the client in Python hands over to a pool, cgihandler",
        (pool("cgihandler"), alias("%(home)s", HAND_OVER, CLIENT + " --python")),
        (APACHE,),
    ),
)
REFERENCE = "mod_cgid"
AGAINST = ("scgi-fork", "scgi-cgihandler")
QUICK = tuple(f"serve-{runner}" for runner in RUNNERS)
