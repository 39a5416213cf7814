/* What client.py does, without the start of a Python.

   The request goes to the pool as SCGI: the environment as it is, then the body; what comes back goes to the
   web server. Whatever is otherwise (no pool, no script, a variable that looks odd) shows before the first
   byte is sent: the Python client then takes over this process, so that all else is decided in one place.
   A process for one request frees nothing.

   `cgicompat client` compiles this with three strings defined: PYTHON and CLIENT, the paths of an interpreter
   and of the Python client, and SOCKET, the address of a pool where the environment names none (or ""). */

#define _POSIX_C_SOURCE 200809L
#define _DARWIN_C_SOURCE /* macOS: with all of the sockets */

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

extern char **environ;

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "cgicompat-cgi: %s: %s\n", what, why);
    _exit(1);
}

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    if (!memory)
        fail("memory", strerror(ENOMEM));
    return memory;
}

static char *join(const char *text, const char *more)
{
    return strcat(strcpy(allocate(strlen(text) + strlen(more) + 1), text), more);
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);
    return value ? value : "";
}

static void set(const char *name, const char *value)
{
    if (value ? setenv(name, value, 1) : unsetenv(name))
        fail(name, strerror(errno));
}

static bool starts(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool same_file(const char *path, const char *other)
{
    struct stat one, two;
    return !stat(path, &one) && !stat(other, &two) && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

static bool is_file(const char *path)
{
    struct stat status;
    return !stat(path, &status) && S_ISREG(status.st_mode);
}

/* Is it an absolute path that os.path.abspath would leave as it is? */
static bool is_plain(const char *path)
{
    if (*path != '/')
        return false;
    while (*path) {
        size_t length = strcspn(++path, "/");
        if (length == 0 || (length <= 2 && strspn(path, ".") == length))
            return false;
        path += length;
    }
    return true;
}

/* As the target of Apache's Action: makes the script in PATH_TRANSLATED, which PATH_INFO may follow, the one
   that the variables name. Returns false, and changes nothing, if there is none, or if it was no Action that
   led to us, which would have named its handler, but our own URL or a script's Location. */
static bool name_script(void)
{
    const char *path = variable("PATH_TRANSLATED"), *url = variable("PATH_INFO");
    char *script = join(path, ""), *name = join(url, ""), *slash;
    if (!*variable("REDIRECT_HANDLER"))
        return false;
    while (!is_file(script)) {
        if (!(slash = strrchr(script, '/')))
            return false;
        *slash = '\0';
    }
    const char *extra = path + strlen(script);
    size_t named = strlen(url) - strlen(extra);
    if (strlen(url) >= strlen(extra) && strcmp(url + named, extra) == 0)
        name[named] = '\0';
    const char *translated = join(variable("DOCUMENT_ROOT"), extra);
    set("SCRIPT_FILENAME", script);
    set("SCRIPT_NAME", name);
    set("PATH_INFO", *extra ? extra : NULL);
    set("PATH_TRANSLATED", *extra ? translated : NULL);
    return true;
}

/* A connection to the pool at unix:PATH or HOST:PORT, or -1. */
static int reach(const char *address)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    struct addrinfo peer = {.ai_family = AF_UNIX, .ai_socktype = SOCK_STREAM}, *found = &peer;
    if (starts(address, "unix:")) {
        const char *path = address + strlen("unix:");
        if (!*path || strlen(path) >= sizeof local.sun_path)
            return -1;
        strcpy(local.sun_path, path);
        peer.ai_addr = (struct sockaddr *)&local;
        peer.ai_addrlen = sizeof local;
    } else {
        char *host = join(address, ""), *port = strrchr(host, ':');
        if (!port)
            return -1;
        *port++ = '\0';
        peer.ai_family = strchr(host, ':') ? AF_INET6 : AF_INET;
        peer.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV; /* a static program cannot look names up */
        if (*host == '[') {
            host++;
            host[strcspn(host, "]")] = '\0';
        }
        if (getaddrinfo(strcmp(host, "localhost") ? host : "127.0.0.1", port, &peer, &found))
            return -1;
    }
    int connection = socket(found->ai_family, found->ai_socktype, 0);
    if (connection > 2 && connect(connection, found->ai_addr, found->ai_addrlen) == 0)
        return connection;
    if (connection >= 0)
        close(connection);
    return -1;
}

/* The head of the request: https://python.ca/scgi/protocol.txt */
static char *head(const char *length, size_t *size)
{
    static const char *const kept[] = {
        "CGICOMPAT_", "REDIRECT_CGICOMPAT_SOCKET=", "CONTENT_LENGTH=", "SCGI=",
    };
    enum { PREFIX = 24 };
    size_t bound = sizeof "CONTENT_LENGTH" + strlen(length) + sizeof "?SCGI?1?CGICOMPAT_ACCESS?1" + sizeof ",";
    char **entry = environ;
    for (; *entry; entry++)
        bound += strlen(*entry) + 1;
    char *fields = (char *)allocate(PREFIX + bound) + PREFIX, *end = fields;
    /* The web server that has started us has decided on the access. */
    end += snprintf(end, bound, "CONTENT_LENGTH%c%s%cSCGI%c1%cCGICOMPAT_ACCESS%c1", 0, length, 0, 0, 0, 0) + 1;
    while (entry > environ) { /* backwards: of two values of a name getenv has the first, the pool the last */
        const char *text = *--entry, *equals = strchr(text, '=');
        bool travels = equals != NULL;
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
            travels = travels && !starts(text, kept[i]);
        if (travels) {
            strcpy(end, text)[equals - text] = '\0';
            end += strlen(text) + 1;
        }
    }
    char prefix[PREFIX];
    int digits = snprintf(prefix, sizeof prefix, "%zu:", (size_t)(end - fields));
    *end++ = ',';
    fields -= digits;
    memcpy(fields, prefix, (size_t)digits);
    *size = (size_t)(end - fields);
    return fields;
}

static bool put(int file, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t count = write(file, data, size);
        if (count < 0 && errno != EINTR)
            return false;
        if (count > 0) {
            data += count;
            size -= (size_t)count;
        }
    }
    return true;
}

static ssize_t get(int file, char *data, size_t size)
{
    ssize_t count;
    do
        count = read(file, data, size);
    while (count < 0 && errno == EINTR);
    return count;
}

static void hand_over(int pool, const char *address, uintmax_t missing)
{
    static char data[64 * 1024];
    size_t size;
    ssize_t count;
    const char *request = head(*variable("CONTENT_LENGTH") ? variable("CONTENT_LENGTH") : "0", &size);
    signal(SIGPIPE, SIG_IGN);
    bool taken = put(pool, request, size);
    while (taken && missing > 0) {
        if ((count = get(0, data, missing < sizeof data ? (size_t)missing : sizeof data)) <= 0)
            fail("the request's body", count ? strerror(errno) : "the client has gone");
        taken = put(pool, data, (size_t)count);
        missing -= (uintmax_t)count;
    }
    int refused = taken ? 0 : errno; /* a pool need not take all of a body; its answer may say why */
    bool answered = false;
    while ((count = get(pool, data, sizeof data)) > 0) {
        answered = true;
        if (!put(1, data, (size_t)count))
            fail("the web server", strerror(errno));
    }
    if (refused ? !answered : count < 0)
        fail(address, strerror(refused ? refused : errno));
    _exit(0);
}

/* Reads CONTENT_LENGTH; returns whether it is a number of bytes, or absent. */
static bool body_length(uintmax_t *length)
{
    const char *text = variable("CONTENT_LENGTH");
    errno = 0;
    *length = strtoumax(text, NULL, 10);
    return text[strspn(text, "0123456789")] == '\0' && errno != ERANGE;
}

int main(int argc, char **argv)
{
    const char *named = variable("SCRIPT_FILENAME"), *address = variable("CGICOMPAT_SOCKET");
    if (!*address)
        address = variable("REDIRECT_CGICOMPAT_SOCKET"); /* Apache renames what it redirects */
    if (!*address)
        address = SOCKET;
    /* Where there is no /proc, the web server's name for us will do. */
    bool target = same_file(named, "/proc/self/exe") || (argc > 0 && same_file(named, argv[0]));
    uintmax_t length;
    if (*variable("GATEWAY_INTERFACE") && (target || is_plain(named)) && body_length(&length)) {
        int pool = reach(address);
        if (pool >= 0 && (!target || name_script()))
            hand_over(pool, address, length);
        if (pool >= 0)
            close(pool);
    }
    if (target)
        set("SCRIPT_FILENAME", CLIENT);
    set("CGICOMPAT_SOCKET", address);
    size_t arguments = argc > 1 ? (size_t)argc - 1 : 0;
    char **command = allocate((arguments + 3) * sizeof *command);
    command[0] = PYTHON;
    command[1] = CLIENT;
    for (size_t i = 0; i < arguments; i++)
        command[i + 2] = argv[i + 1];
    command[arguments + 2] = NULL;
    execv(PYTHON, command);
    fail(PYTHON, strerror(errno));
}
