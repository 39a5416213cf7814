"""The directives that are refused, with a message, and those that concern Apache's processes alone."""

from __future__ import annotations

from .merging import AUTHCONFIG, DIRECTORY, FILEINFO, INDEXES, OPTIONS, SERVER
from .rows import ANYWHERE, Row, leave_out, refuse

_LATER_MESSAGE = "not obeyed by this version yet: take it out, or keep Apache for this directory"
_LATER = (
    (FILEINFO, "core", "SetInputFilter"),
    (ANYWHERE, "core", "CGIVar"),
    (FILEINFO, "mime", "DefaultLanguage MultiviewsMatch"),
    (
        FILEINFO,
        "mime",
        "AddInputFilter RemoveInputFilter",
    ),
    (
        INDEXES,
        "dir",
        "DirectoryIndexRedirect DirectoryCheckHandler",
    ),
    (INDEXES, "autoindex", "IndexIgnoreReset"),
    (FILEINFO, "setenvif", "SetEnvIfExpr"),
    (FILEINFO, "actions", "Action Script"),
)

_REFUSED = (
    (AUTHCONFIG, "auth_digest", "AuthDigestProvider AuthDigestDomain AuthDigestQop", "use AuthType Basic"),
    (AUTHCONFIG, "auth_basic", "AuthBasicFake AuthBasicUseDigestAlgorithm", "take it out"),
    (
        OPTIONS | AUTHCONFIG | SERVER,
        "ssl",
        "SSLRequireSSL SSLRequire SSLVerifyClient SSLVerifyDepth SSLUserName SSLCipherSuite",
        "TLS ends before us: require it in the server in front",
    ),
    (
        ANYWHERE | DIRECTORY,
        "proxy",
        "ProxyPass ProxyPassMatch ProxyPassReverse",
        "there is no proxy here: keep the server in front for that",
    ),
)

_SERVERS = (
    "ServerRoot PidFile Mutex DefaultRuntimeDir Timeout KeepAlive MaxKeepAliveRequests KeepAliveTimeout "
    "User Group "
    "HostnameLookups ErrorLog ErrorLogFormat LogLevel Listen ServerTokens UseCanonicalName "
    "UseCanonicalPhysicalPort AddModuleInfo GracefulShutdownTimeout CoreDumpDirectory ReceiveBufferSize "
    "SendBufferSize ListenBacklog ScoreBoardFile StartServers MinSpareServers MaxSpareServers MaxClients "
    "ServerLimit ThreadLimit MinSpareThreads MaxSpareThreads ThreadsPerChild MaxRequestWorkers "
    "ThreadStackSize "
    "MaxConnectionsPerChild MaxRequestsPerChild MaxMemFree AsyncRequestWorkerFactor EnableExceptionHook "
    "LimitRequestFields LimitRequestFieldSize LimitRequestLine LimitXMLRequestBody LimitInternalRecursion "
    "AcceptFilter HttpProtocolOptions NameVirtualHost Suexec MergeSlashes RegexDefaultOptions"
)
_IGNORED = (
    (SERVER, "core", _SERVERS),
    (SERVER, "status", "ExtendedStatus"),
    (FILEINFO | SERVER, "core", "DefaultType"),  # without effect since Apache 2.4
    (ANYWHERE, "core", "ServerSignature EnableMMAP EnableSendfile ContentDigest"),
    (SERVER, "so", "LoadModule LoadFile"),
    (SERVER, "log_config", "LogFormat CustomLog TransferLog BufferedLogs GlobalLog"),
    (SERVER, "logio", "LogIOTrackTTFB"),
    (SERVER, "mime", "TypesConfig"),
    (SERVER, "mime_magic", "MIMEMagicFile"),
    (SERVER, "reqtimeout", "RequestReadTimeout"),
    (SERVER, "cgi", "ScriptLog ScriptLogLength ScriptLogBuffer ScriptSock"),
    (SERVER, "ssl", "SSLEngine SSLCertificateFile SSLCertificateKeyFile SSLCertificateChainFile SSLProtocol"),
    (SERVER, "ssl", "SSLCACertificatePath SSLCACertificateFile SSLCARevocationPath SSLCARevocationFile"),
    (SERVER, "ssl", "SSLHonorCipherOrder SSLSessionTickets SSLSessionCache SSLSessionCacheTimeout SSLMutex"),
    (SERVER, "ssl", "SSLRandomSeed SSLPassPhraseDialog SSLCryptoDevice SSLCompression SSLUseStapling"),
    (OPTIONS | SERVER, "ssl", "SSLOptions"),
    (
        INDEXES,
        "autoindex",
        "IndexOptions AddIcon AddIconByType AddIconByEncoding DefaultIcon AddDescription",
    ),
    (
        INDEXES,
        "autoindex",
        "AddAlt AddAltByType AddAltByEncoding HeaderName ReadmeName IndexOrderDefault IndexStyleSheet",
    ),
    (INDEXES, "autoindex", "IndexStyleSheet IndexHeadInsert FancyIndexing"),
    (FILEINFO, "negotiation", "LanguagePriority ForceLanguagePriority CacheNegotiatedDocs"),
)

ROWS = (
    *(
        Row(name, where, (0, None), refuse(_LATER_MESSAGE), module)
        for where, module, names in _LATER
        for name in names.split()
    ),
    *(
        Row(name, where, (0, None), refuse(message), module)
        for where, module, names, message in _REFUSED
        for name in names.split()
    ),
    *(
        Row(name, where, (0, None), leave_out, module)
        for where, module, names in _IGNORED
        for name in names.split()
    ),
)
