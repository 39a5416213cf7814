"""Modules that scripts once could rely on, and what there is today.

Sources: PEP 594 and "What's New in Python" 3.9 to 3.15 for those that left it, PEP 3108 for those that
Python 3 has under other names.
"""

from __future__ import annotations

# Left Python 3: the distribution on PyPI that has the module, or what to do.
_DISTRIBUTIONS = {
    "aifc": "standard-aifc",
    "asynchat": "standard-asynchat",
    "asyncore": "standard-asyncore",
    "audioop": "audioop-lts",
    "chunk": "standard-chunk",
    "crypt": "standard-crypt",
    "distutils": "setuptools",
    "imghdr": "standard-imghdr",
    "imp": "zombie-imp",
    "mailcap": "standard-mailcap",
    "msilib": "python-msilib",
    "nntplib": "standard-nntplib",
    "pipes": "standard-pipes",
    "smtpd": "standard-smtpd",
    "sndhdr": "standard-sndhdr",
    "sunau": "standard-sunau",
    "telnetlib": "standard-telnetlib",
    "uu": "standard-uu",
    "xdrlib": "standard-xdrlib",
}
_REPLACED = {
    "_bootlocale": "use locale.getencoding()",
    "binhex": "use binascii or base64",
    "dummy_threading": "use threading",
    "formatter": "write the text yourself, or take html.parser",
    "lib2to3": "pip install fissix",
    "macpath": "use os.path",
    "nis": "nothing has replaced it",
    "ossaudiodev": "nothing has replaced it",
    "parser": "use ast",
    "spwd": "use PAM, or read /etc/shadow",
    "sre_compile": "use re",
    "sre_constants": "use re",
    "sre_parse": "use re",
    "symbol": "use ast",
    "asyncio.compat": "take it out",
    "xml.etree.cElementTree": "use xml.etree.ElementTree",
}

# Python 2's, as Python 3 calls them.
_RENAMED = {
    "__builtin__": "builtins",
    "BaseHTTPServer": "http.server",
    "CGIHTTPServer": "http.server",
    "ConfigParser": "configparser",
    "Cookie": "http.cookies",
    "DocXMLRPCServer": "xmlrpc.server",
    "HTMLParser": "html.parser",
    "Queue": "queue",
    "SimpleHTTPServer": "http.server",
    "SimpleXMLRPCServer": "xmlrpc.server",
    "SocketServer": "socketserver",
    "StringIO": "io",
    "UserDict": "collections",
    "UserList": "collections",
    "UserString": "collections",
    "_winreg": "winreg",
    "anydbm": "dbm",
    "cPickle": "pickle",
    "cStringIO": "io",
    "commands": "subprocess",
    "compiler": "ast",
    "cookielib": "http.cookiejar",
    "copy_reg": "copyreg",
    "dbhash": "dbm",
    "dumbdbm": "dbm.dumb",
    "dummy_thread": "_thread",
    "email.Charset": "email.charset",
    "email.Encoders": "email.encoders",
    "email.Errors": "email.errors",
    "email.Generator": "email.generator",
    "email.Header": "email.header",
    "email.MIMEAudio": "email.mime.audio",
    "email.MIMEBase": "email.mime.base",
    "email.MIMEImage": "email.mime.image",
    "email.MIMEMultipart": "email.mime.multipart",
    "email.MIMEText": "email.mime.text",
    "email.Message": "email.message",
    "email.Parser": "email.parser",
    "email.Utils": "email.utils",
    "exceptions": "builtins",
    "future_builtins": "builtins",
    "gdbm": "dbm.gnu",
    "htmlentitydefs": "html.entities",
    "htmllib": "html.parser",
    "httplib": "http.client",
    "itertools.ifilter": "filter",
    "itertools.imap": "map",
    "itertools.izip": "zip",
    "md5": "hashlib",
    "mhlib": "mailbox",
    "mimetools": "email",
    "mimify": "email",
    "multifile": "email",
    "new": "types",
    "popen2": "subprocess",
    "repr": "reprlib",
    "rfc822": "email",
    "robotparser": "urllib.robotparser",
    "sets": "set",
    "sgmllib": "html.parser",
    "sha": "hashlib",
    "statvfs": "os.statvfs",
    "thread": "_thread",
    "urllib.quote": "urllib.parse.quote",
    "urllib.unquote": "urllib.parse.unquote",
    "urllib.urlencode": "urllib.parse.urlencode",
    "urllib.urlopen": "urllib.request.urlopen",
    "urllib2": "urllib.request",
    "urlparse": "urllib.parse",
    "whichdb": "dbm",
    "xmlrpclib": "xmlrpc",
}

# Of others: where the distribution has another name than the module, or took over from one that is dead.
_OTHERS = {
    "Cheetah": "CT3",
    "Crypto": "pycryptodome",
    "Image": "pillow",
    "MySQLdb": "mysqlclient",
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "dateutil": "python-dateutil",
    "ldap": "python-ldap",
    "psycopg2": "psycopg2-binary",
    "pysqlite2": "pysqlite3",
    "yaml": "PyYAML",
}


def remedy(name: str) -> str:
    """Why a module that is not found is not, and what to do about it."""
    if name in _DISTRIBUTIONS:
        return f"which has left Python: pip install {_DISTRIBUTIONS[name]}"
    if name in _REPLACED:
        return f"which has left Python: {_REPLACED[name]}"
    if name in _RENAMED:
        return f"which was Python 2's: today that is {_RENAMED[name]}"
    if name in _OTHERS:
        return f"which is not installed: pip install {_OTHERS[name]}"
    return "which is not installed: install the package that has it"


def left(name: str) -> bool:
    """Is this the dotted name of what is no longer in a module that is still there?"""
    return "." in name and (name in _REPLACED or name in _RENAMED)
