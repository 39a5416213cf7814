/* What the kernel keeps for a process besides its memory: see kernel_restore(). */

#define _GNU_SOURCE
#include "rewind.h"

#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SIGNALS = 65, LIMITS = 16, MOST_FILES = 1024, MOST_PROCESSES = 32768, TEXT = 16384 };
enum { PATIENCE = 10, LONG_PATIENCE = 2000 /* ms */ };

/* The kernel's own sigaction: glibc's hides two signals, and costs more. */
struct action {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};

/* What an ordinary process cannot make good again, each as a number. */
static const char *const FIXED[] = {
    "its user", "its group", "its process group", "its priority",
    /* Looked at thoroughly: */
    "its groups", "its session", "its capabilities", "its scheduler", "its processors", "its I/O priority",
    "prctl(dumpable)", "prctl(keepcaps)", "prctl(securebits)", "prctl(timer slack)", "prctl(no_new_privs)",
    "prctl(seccomp)", "prctl(death signal)", "prctl(subreaper)", "prctl(machine checks)", "its personality",
    "prctl(huge pages)",
};
enum { FIXED_COUNT = sizeof FIXED / sizeof *FIXED, FIXED_ALWAYS = 4 };

/* The same, in files of /proc/self, thoroughly. */
static const char *const RARE[] = {
    "oom_score_adj", "coredump_filter", "autogroup", "cgroup", "timers", "ns/cgroup", "ns/ipc", "ns/mnt", "ns/net",
    "ns/pid_for_children", "ns/time_for_children", "ns/user", "ns/uts", "root",
};
enum { RARE_COUNT = sizeof RARE / sizeof *RARE };

struct file {
    int number;
    dev_t device;
    ino_t inode;
    int status, flags;
};

static struct kernel {
    struct action actions[SIGNALS];
    stack_t stack;
    mode_t umask;
    struct rlimit limits[LIMITS];
    fenv_t arithmetic;
    char name[16];
    pid_t group_of_parent;
    struct rusage children;
    uint64_t fixed[FIXED_COUNT], rare[RARE_COUNT];
    struct file files[MOST_FILES];
    int file_count;
    long listed; /* size of /proc/self/fd, 0 where the kernel does not tell (before 6.2) */
    int found[MOST_FILES];
    char text[TEXT];
    char reason[128];
} *k;

static uint64_t hash(const void *data, size_t size)
{
    uint64_t value = 14695981039346656037u;
    for (const unsigned char *byte = data; size--; byte++)
        value = (value ^ *byte) * 1099511628211u;
    return value;
}

static uint64_t mixed(uint64_t one, uint64_t two, uint64_t three)
{
    uint64_t all[3] = {one, two, three};
    return hash(all, sizeof all);
}

static int ask_fixed(uint64_t *to, bool thoroughly)
{
    uid_t user[3];
    gid_t group[3], groups[256];
    unsigned long processors[128] = {0};
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct capabilities[2] = {{0, 0, 0}, {0, 0, 0}};
    int signal_of_parent = 0, subreaper = 0;
    struct sched_param parameter = {0};

    getresuid(user, user + 1, user + 2);
    getresgid(group, group + 1, group + 2);
    to[0] = mixed(user[0], user[1], user[2]);
    to[1] = mixed(group[0], group[1], group[2]);
    to[2] = (uint64_t)getpgrp();
    to[3] = (uint64_t)syscall(SYS_getpriority, PRIO_PROCESS, 0);
    if (!thoroughly)
        return FIXED_ALWAYS;
    long count = getgroups(256, groups);
    syscall(SYS_capget, &header, capabilities);
    syscall(SYS_sched_getaffinity, 0, sizeof processors, processors);
    sched_getparam(0, &parameter);
    prctl(PR_GET_PDEATHSIG, &signal_of_parent);
    prctl(PR_GET_CHILD_SUBREAPER, &subreaper);
    uint64_t rest[FIXED_COUNT - FIXED_ALWAYS] = {
        hash(groups, count > 0 ? (size_t)count * sizeof *groups : 0),
        (uint64_t)getsid(0),
        hash(capabilities, sizeof capabilities),
        mixed((uint64_t)sched_getscheduler(0), (uint64_t)parameter.sched_priority, 0),
        hash(processors, sizeof processors),
        (uint64_t)syscall(SYS_ioprio_get, 1, 0),
        (uint64_t)prctl(PR_GET_DUMPABLE),
        (uint64_t)prctl(PR_GET_KEEPCAPS),
        (uint64_t)prctl(PR_GET_SECUREBITS),
        (uint64_t)prctl(PR_GET_TIMERSLACK),
        (uint64_t)prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
        (uint64_t)prctl(PR_GET_SECCOMP),
        (uint64_t)signal_of_parent,
        (uint64_t)subreaper,
        (uint64_t)prctl(PR_MCE_KILL_GET, 0, 0, 0, 0),
        (uint64_t)syscall(SYS_personality, 0xffffffff),
        (uint64_t)prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0),
    };
    memcpy(to + FIXED_ALWAYS, rest, sizeof rest);
    return FIXED_COUNT;
}

/* A name space and the root directory are told by what their names stand for, a file by its text. */
static void ask_rare(uint64_t *to)
{
    for (int i = 0; i < RARE_COUNT; i++) {
        struct stat about;
        to[i] = 0;
        if (strncmp(RARE[i], "ns/", 3) == 0 || strcmp(RARE[i], "root") == 0) {
            if (fstatat(snapshot->descriptors[PROC], RARE[i], &about, 0) == 0)
                to[i] = mixed(about.st_dev, about.st_ino, 1);
            continue;
        }
        int file = openat(snapshot->descriptors[PROC], RARE[i], O_RDONLY | O_CLOEXEC);
        if (file < 0)
            continue;
        ssize_t size = read(file, k->text, TEXT);
        to[i] = hash(k->text, size > 0 ? (size_t)size : 0);
        close(file);
    }
}

static const char *changed(const uint64_t *was, const uint64_t *is, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (was[i] != is[i]) {
            strcpy(stpcpy(k->reason, names[i]), " changed");
            return k->reason;
        }
    return NULL;
}

/* The numbers that a directory of /proc has as names; how many, or -1 if they are too many. */
static int numbers_in(int directory, int *to, int most)
{
    struct entry {
        uint64_t inode;
        int64_t offset;
        unsigned short size;
        unsigned char type;
        char name[];
    };
    char text[TEXT] __attribute__((aligned(8)));
    int count = 0;
    long got;
    lseek(directory, 0, SEEK_SET);
    while ((got = syscall(SYS_getdents64, directory, text, TEXT)) > 0)
        for (long at = 0; at < got;) {
            struct entry *entry = (struct entry *)(void *)(text + at);
            if (entry->name[0] >= '0' && entry->name[0] <= '9') {
                if (count == most)
                    return -1;
                to[count++] = atoi(entry->name);
            }
            at += entry->size;
        }
    return count;
}

static long how_many_files(void)
{
    struct stat about;
    return fstat(snapshot->descriptors[FILES], &about) ? 0 : about.st_size;
}

static const char *save_files(void)
{
    k->file_count = numbers_in(snapshot->descriptors[FILES], k->found, MOST_FILES);
    if (k->file_count < 0)
        return "too many files are open";
    for (int i = 0; i < k->file_count; i++) {
        struct stat about;
        struct file *file = &k->files[i];
        file->number = k->found[i];
        if (fstat(file->number, &about))
            return "an open file cannot be looked at";
        file->device = about.st_dev;
        file->inode = about.st_ino;
        file->status = fcntl(file->number, F_GETFL);
        file->flags = fcntl(file->number, F_GETFD);
    }
    k->listed = how_many_files();
    return NULL;
}

/* 0, 1 and 2 point home again, what is new is closed. What is gone cannot be had again. */
static const char *restore_files(bool thoroughly)
{
    dup2(snapshot->descriptors[NULL_DEVICE], 0);
    dup2(snapshot->descriptors[NULL_DEVICE], 1);
    dup2(snapshot->descriptors[ERRORS], 2);
    int flags = fcntl(2, F_GETFL);
    if (flags & O_NONBLOCK)
        fcntl(2, F_SETFL, flags & ~O_NONBLOCK);
    for (int i = 0; i < k->file_count; i++) {
        struct stat about;
        struct file *file = &k->files[i];
        if (file->number < 3)
            continue;
        if (fstat(file->number, &about) || about.st_ino != file->inode || about.st_dev != file->device)
            return "descriptors of the process itself were closed or replaced";
        if (thoroughly && fcntl(file->number, F_GETFL) != file->status)
            fcntl(file->number, F_SETFL, file->status);
        if (thoroughly && fcntl(file->number, F_GETFD) != file->flags)
            fcntl(file->number, F_SETFD, file->flags);
    }
    if (!k->listed || how_many_files() != k->listed) {
        int count = numbers_in(snapshot->descriptors[FILES], k->found, MOST_FILES);
        if (count < 0)
            return "too many files are open";
        for (int i = 0; i < count; i++) {
            bool known = false;
            for (int j = 0; j < k->file_count && !known; j++)
                known = k->files[j].number == k->found[i];
            if (!known)
                close(k->found[i]);
        }
        if (how_many_files() != k->listed)
            return "files were left open";
    }
    return NULL;
}

static void wait_a_moment(void)
{
    nanosleep(&(struct timespec){0, 1000000}, NULL);
}

/* Whether any thread or process of a directory of /proc, of the processes those of `parent` or in its group, is at
   work, as one that ends is on a busy machine: what has come to stay waits for something. */
static bool any_at_work(int directory, pid_t parent)
{
    static int found[MOST_PROCESSES];
    int count = numbers_in(directory, found, MOST_PROCESSES);
    for (int i = 0; i < count; i++) {
        char path[32], text[512], *at;
        snprintf(path, sizeof path, "%d/stat", found[i]);
        int file = found[i] == getpid() ? -1 : openat(directory, path, O_RDONLY | O_CLOEXEC);
        if (file < 0)
            continue;
        ssize_t size = read(file, text, sizeof text - 1);
        close(file);
        text[size > 0 ? size : 0] = 0;
        char state;
        int its_parent, its_group;
        if ((at = strrchr(text, ')')) && sscanf(at, ") %c %d %d", &state, &its_parent, &its_group) == 3 &&
            strchr("RDZX", state) && (!parent || its_parent == parent || its_group == parent))
            return true;
    }
    return false;
}

/* One that was joined may be a moment from its end. Libraries that can begin anew, such as OpenBLAS, end theirs
   for a fork (pthread_atfork(3)). */
const char *end_threads(int tasks)
{
    struct stat about;
    for (int i = 0; i < PATIENCE || (i < LONG_PATIENCE && any_at_work(tasks, 0)); i++) {
        if (fstat(tasks, &about))
            return "its threads cannot be counted";
        if (about.st_nlink == 3)
            return NULL;
        if (i == 0) {
            pid_t child = fork();
            if (child == 0)
                _exit(0);
            if (child > 0)
                waitpid(child, NULL, 0);
            continue;
        }
        wait_a_moment();
    }
    return "a thread is still running";
}

/* The system tells only one who is not in a group whether there is anybody in it. */
static bool alone_in_group(void)
{
    pid_t self = getpid();
    if (getpgrp() != self || setpgid(0, k->group_of_parent))
        return true; /* a change of the group shows elsewhere */
    bool others = kill(-self, 0) == 0 || errno == EPERM;
    setpgid(0, self);
    return !others;
}

/* Children that have ended are waited for; so it is with processes in our group, which the time limit of the
   next request would end. */
static const char *company(void)
{
    int processes = -1;
    const char *spent = "a process that it has started is still running";
    for (int i = 0; i < LONG_PATIENCE; i++) {
        siginfo_t child;
        int living;
        do {
            child.si_pid = 0;
            living = waitid(P_ALL, 0, &child, WEXITED | WNOHANG | __WALL);
        } while (living == 0 && child.si_pid);
        if (living && alone_in_group()) {
            spent = NULL;
            break;
        }
        if (i == 5 * PATIENCE)
            processes = openat(snapshot->descriptors[PROC], "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (i >= 5 * PATIENCE && !any_at_work(processes, getpid()))
            break;
        wait_a_moment();
    }
    if (processes >= 0)
        close(processes);
    return spent;
}

/* Children may do it to their parent: prlimit(1), taskset(1). */
static bool had_children(void)
{
    struct rusage now;
    getrusage(RUSAGE_CHILDREN, &now);
    bool had = memcmp(&now, &k->children, sizeof now) != 0;
    k->children = now;
    return had;
}

/* Those in real time only thoroughly: few have heard of them. */
static void restore_signals(bool thoroughly)
{
    static const struct itimerval off;
    static const struct action ignored = {.handler = (void *)1};
    uint64_t pending = 0;
    for (int i = ITIMER_REAL; i <= ITIMER_PROF; i++)
        setitimer((__itimer_which_t)i, &off, NULL);
    syscall(SYS_rt_sigpending, &pending, sizeof pending);
    for (int i = 1; i < (thoroughly || pending >> 31 ? SIGNALS : 32); i++) {
        struct action now;
        if (i == SIGKILL || i == SIGSTOP)
            continue;
        if (pending >> (i - 1) & 1)
            syscall(SYS_rt_sigaction, i, &ignored, NULL, sizeof pending); /* which discards it */
        syscall(SYS_rt_sigaction, i, NULL, &now, sizeof pending);
        if (memcmp(&now, &k->actions[i], sizeof now))
            syscall(SYS_rt_sigaction, i, &k->actions[i], NULL, sizeof pending);
    }
    stack_t stack;
    sigaltstack(NULL, &stack);
    if (stack.ss_sp != k->stack.ss_sp || stack.ss_flags != k->stack.ss_flags || stack.ss_size != k->stack.ss_size)
        sigaltstack(&k->stack, NULL);
}

static const char *restore_limits(void)
{
    for (int i = 0; i < LIMITS; i++) {
        struct rlimit now;
        if (getrlimit((__rlimit_resource_t)i, &now) || memcmp(&now, &k->limits[i], sizeof now) == 0)
            continue;
        if (setrlimit((__rlimit_resource_t)i, &k->limits[i]))
            return "a resource limit was lowered";
    }
    return NULL;
}

const char *kernel_save(void)
{
    if (!k && !(k = lasting(sizeof *k)))
        return "no memory";
    for (int i = 1; i < SIGNALS; i++)
        syscall(SYS_rt_sigaction, i, NULL, &k->actions[i], sizeof(uint64_t));
    sigaltstack(NULL, &k->stack);
    k->umask = umask(0);
    umask(k->umask);
    for (int i = 0; i < LIMITS; i++)
        getrlimit((__rlimit_resource_t)i, &k->limits[i]);
    fegetenv(&k->arithmetic);
    prctl(PR_GET_NAME, k->name);
    k->group_of_parent = getpgid(getppid());
    getrusage(RUSAGE_CHILDREN, &k->children);
    ask_fixed(k->fixed, true);
    ask_rare(k->rare);
    const char *wrong = save_files();
    return wrong ? wrong : end_threads(snapshot->descriptors[TASKS]);
}

const char *kernel_restore(bool thoroughly)
{
    uint64_t now[FIXED_COUNT + RARE_COUNT];
    const char *spent;
    /* Files before company: helpers of multiprocessing end when theirs are closed. */
    if ((spent = end_threads(snapshot->descriptors[TASKS])) || (spent = restore_files(thoroughly)) ||
        (spent = company()))
        return spent;
    thoroughly |= had_children();
    restore_signals(thoroughly);
    umask(k->umask);
    if (thoroughly && (spent = restore_limits()))
        return spent;
    if ((spent = changed(k->fixed, now, FIXED, ask_fixed(now, thoroughly))))
        return spent;
    if (thoroughly) {
        munlockall(); /* a new process has locked nothing */
        ask_rare(now);
        if ((spent = changed(k->rare, now, RARE, RARE_COUNT)))
            return spent;
    }
    if (fchdir(snapshot->descriptors[DIRECTORY]))
        return "its directory is gone";
    prctl(PR_SET_NAME, k->name);
    fesetenv(&k->arithmetic);
    return NULL;
}
