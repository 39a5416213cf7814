/* Does at random to a process what requests may do to one, goes back, and looks whether all is as it was.

       fuzz SEED ROUNDS [seconds] [reading] [refused]

   `seconds` has it go on for so many of them, whatever the rounds; `reading` finds pages as before Linux 6.7;
   `refused` does without capabilities, and under a filter that refuses userfaultfd(2), as containers have it.
   Linked with the library. Prints what was done, and each difference. */

#define _GNU_SOURCE
#include "../../cgicompat/rewind/rewind.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <linux/aio_abi.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { AREAS = 8, PAGES = 64, LOG = 64, KEPT = 64 << 20 };

/* What lasts: it is the master's, too. */
static struct lasting {
    uint64_t random;
    long rounds, spent, done[64];
    int log[LOG], logged;
    bool thoroughly, may_be_spent;
    size_t size;
    char *copy, maps[1 << 18], state[8192], now[8192];
    int areas;
    struct vma vmas[2048];
} *l;

static char *area[AREAS]; /* two from before the image, untouched ones among them, the others from after it */
static char filled[5 * PAGE] = "filled", empty[3 * PAGE];
static int own[DESCRIPTORS];
static char **arguments;
static void *blocks[64];
static jmp_buf elsewhere;

static uint64_t any(uint64_t below)
{
    l->random ^= l->random << 13;
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    return l->random % below;
}

static char *page(void)
{
    return area[any(AREAS)] + any(PAGES - 4) * PAGE;
}

static char *area_of(char *page)
{
    for (int i = 0; i < AREAS; i++)
        if (page >= area[i] && page < area[i] + PAGES * PAGE)
            return area[i];
    abort();
}

static size_t some(void)
{
    return (1 + any(4)) * PAGE;
}

/* Record and compare */

static char *rseq(void)
{
    extern const ptrdiff_t __rseq_offset __attribute__((weak));
    return &__rseq_offset ? (char *)__builtin_thread_pointer() + __rseq_offset : NULL;
}

static size_t slurp(const char *path, char *to, size_t most)
{
    int file = open(path, O_RDONLY);
    size_t size = 0;
    ssize_t got;
    while ((got = read(file, to + size, most - 1 - size)) > 0)
        size += (size_t)got;
    to[size] = 0;
    close(file);
    return size;
}

static void tell_state(char *to)
{
    struct rlimit limit;
    struct itimerval timer;
    sigset_t mask, pending;
    stack_t stack;
    char name[16], directory[256], list[4096];
    struct {
        void *handler;
        unsigned long flags;
        void *restorer;
        uint64_t mask;
    } action;
    mode_t mode = umask(0);
    umask(mode);
    prctl(PR_GET_NAME, name);
    syscall(SYS_getcwd, directory, sizeof directory);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    sigpending(&pending);
    sigaltstack(NULL, &stack);
    to += sprintf(to, "umask %o, name %s, in %s, brk %lx, blocked %lx, pending %lx, stack %p %d, round %d\n", mode,
                  name, directory, syscall(SYS_brk, 0), *(unsigned long *)&mask, *(unsigned long *)&pending,
                  stack.ss_sp, stack.ss_flags, fegetround());
    for (int i = 0; i < 16; i++, to += sprintf(to, "limit %d %lx %lx\n", i - 1, limit.rlim_cur, limit.rlim_max))
        getrlimit((__rlimit_resource_t)i, &limit);
    for (int i = 0; i < 3; i++, to += sprintf(to, "timer %ld\n", timer.it_value.tv_sec))
        getitimer((__itimer_which_t)i, &timer);
    for (int i = 1; i < 65; i++)
        if (syscall(SYS_rt_sigaction, i, NULL, &action, 8) == 0 && (action.handler || action.flags))
            to += sprintf(to, "signal %d %p %lx\n", i, action.handler, action.flags);
    for (int i = 0; i < 300; i++) {
        struct stat about;
        if (fstat(i, &about) == 0)
            to += sprintf(to, "file %d %lu:%lu %x %x\n", i, about.st_dev, about.st_ino, fcntl(i, F_GETFL),
                          fcntl(i, F_GETFD));
    }
    slurp("/proc/self/status", list, sizeof list);
    char *locked = strstr(list, "VmLck:");
    sprintf(to, "%.24s\n", locked ? locked : "");
}

/* Private memory that can be written. */
static bool next_vma(char **line, struct vma *to, bool *stack)
{
    for (char *end; (end = strchr(*line, '\n')); *line = end + 1) {
        char rights[5] = "";
        uintptr_t start, stop;
        *end = 0;
        bool found = sscanf(*line, "%lx-%lx %4s", &start, &stop, rights) == 3 && rights[1] == 'w' && rights[3] == 'p';
        *stack = strstr(*line, "[stack]") != NULL;
        if (found) {
            *to = (struct vma){start, stop};
            if (*stack)
                to->start = (uintptr_t)arguments;
            *line = end + 1;
            return true;
        }
    }
    return false;
}

static void wrong(const char *what)
{
    char text[1024];
    int size = snprintf(text, sizeof text, "after");
    for (int i = 0; i < l->logged; i++)
        size += snprintf(text + size, sizeof text - (size_t)size, " %d", l->log[i]);
    size += snprintf(text + size, sizeof text - (size_t)size, "%s: %s\n", l->thoroughly ? " (thoroughly)" : "", what);
    write(2, text, (size_t)size);
    _exit(3);
}

static size_t total(void (*found)(struct vma))
{
    struct vma vma;
    bool stack;
    size_t size = 0;
    char *line = l->maps;
    slurp("/proc/self/maps", l->maps, sizeof l->maps);
    for (; next_vma(&line, &vma, &stack); size += vma.end - vma.start)
        if (found)
            found(vma);
    return size;
}

static void note(struct vma vma)
{
    l->vmas[l->areas++] = vma;
}

/* Of the areas that are known, which are not those what the library maps for itself. */
static void record(void)
{
    l->size = total(NULL);
    char *to = l->copy;
    for (int i = 0; i < l->areas; to += l->vmas[i].end - l->vmas[i].start, i++)
        memcpy(to, (void *)l->vmas[i].start, l->vmas[i].end - l->vmas[i].start);
    tell_state(l->state);
}

static void compare(void)
{
    char text[256];
    size_t at = 0;
    for (int i = 0; i < l->areas; i++) {
        for (uintptr_t address = l->vmas[i].start; address < l->vmas[i].end; address++, at++) {
            size_t rest = l->vmas[i].end - address, step = rest < 256 ? rest : 256;
            if (memcmp((void *)address, l->copy + at, step) == 0) {
                address += step - 1;
                at += step - 1;
                continue;
            }
            if (*(char *)address == l->copy[at] || (rseq() && (char *)address >= rseq() && (char *)address < rseq() + 32))
                continue;
            snprintf(text, sizeof text, "%lx (%lx to %lx) is %d, was %d", address, l->vmas[i].start, l->vmas[i].end,
                     *(char *)address, l->copy[at]);
            wrong(text);
        }
    }
    if (total(NULL) != l->size)
        wrong("another size of memory");
    tell_state(l->now);
    for (char *was = l->state, *is = l->now; *was || *is; was++, is++)
        if (*was != *is) {
            while (was > l->state && was[-1] != '\n')
                was--, is--;
            snprintf(text, sizeof text, "%.*s, not %.*s", (int)strcspn(is, "\n"), is, (int)strcspn(was, "\n"), was);
            wrong(text);
        }
}

/* What requests do */

static void nothing(int number)
{
    (void)number;
}

static void jump(int number)
{
    (void)number;
    longjmp(elsewhere, 1);
}

static void *thread(void *forever)
{
    free(malloc(1000)); /* an arena of its own */
    while (forever)
        pause();
    return NULL;
}

static __attribute__((noinline)) int deep(int levels)
{
    volatile char frame[PAGE];
    frame[0] = (char)levels;
    return levels ? deep(levels - 1) + frame[0] : 0;
}

static void reap(pid_t child)
{
    if (any(3))
        waitpid(child, NULL, 0);
    else
        l->may_be_spent = true; /* it may need longer than anybody waits for it */
}

static void act(int number)
{
    char *at = page();
    size_t size = some();
    pid_t child;
    pthread_t id;
    stack_t stack = {.ss_sp = empty, .ss_size = sizeof empty};
    struct itimerval timer = {{0, 0}, {(time_t)any(2) * 100, 500}};
    timer_t made;
    aio_context_t context = 0;
    union sigval value = {0};
    sigset_t set;
    int file;
    static char *const nobody[] = {NULL};

    switch (number) {
    case 0: /* by far the most frequent */
    case 1:
        for (int i = 0; i < 40; i++)
            page()[any(PAGE)] = (char)any(256);
        break;
    case 2:
        filled[any(sizeof filled)]++;
        empty[any(sizeof empty)]++;
        arguments[0][0]++;
        srand((unsigned)any(1000));
        strtok(filled, "l");
        break;
    case 3: /* what is new */
        at = mmap(NULL, size, PROT_READ | PROT_WRITE, (any(2) ? MAP_PRIVATE : MAP_SHARED) | MAP_ANONYMOUS, -1, 0);
        if (any(2))
            memset(at, 1, size);
        break;
    case 4: /* what is gone, perhaps the reserve behind it, too */
        munmap(at, any(2) ? size : (size_t)(PAGES + 1) * PAGE - (uintptr_t)(at - area_of(at)));
        break;
    case 5: /* gone, and another in its place; seen by faults where it is touched, else only when looked for */
        mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        if (any(2))
            at[any(size)] = 1;
        else
            l->thoroughly = true;
        break;
    case 6: /* gone, and another somewhere */
        munmap(at, size);
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        l->thoroughly = true;
        break;
    case 7: /* moved, and something else in its place */
        if (mremap(at, PAGE, PAGE * (1 + any(3)), MREMAP_MAYMOVE) != MAP_FAILED && any(2))
            mmap(at, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        l->thoroughly = true;
        break;
    case 8:
        mprotect(at, size, any(2) ? PROT_READ : PROT_NONE);
        l->thoroughly = true;
        break;
    case 9:
        madvise(at, size, any(2) ? MADV_DONTNEED : MADV_FREE);
        break;
    case 10:
        madvise(at, size, any(2) ? MADV_PAGEOUT : MADV_COLD);
        break;
    case 11:
        syscall(SYS_brk, syscall(SYS_brk, 0) + (long)any(40) * PAGE);
        break;
    case 12:
        for (int i = 0; i < 64; i++)
            if (!blocks[i] || any(3)) {
                free(blocks[i]);
                if ((blocks[i] = malloc(any(8) ? any(4000) : any(600000))))
                    memset(blocks[i], i, 8);
            } else
                blocks[i] = realloc(blocks[i], any(900000));
        break;
    case 13:
        malloc_trim(0);
        l->may_be_spent = true; /* brk may be lower */
        break;
    case 14:
        if (any(2))
            mlock(at, size);
        else
            mlockall(MCL_CURRENT);
        l->thoroughly = true;
        break;
    case 15: /* children */
        if ((child = fork()) == 0) {
            memset(page(), 9, PAGE);
            _exit(0);
        }
        reap(child);
        break;
    case 16:
        if (any(4) == 0) {
            signal(SIGCHLD, SIG_IGN);
            l->thoroughly = true;
        }
        if ((child = vfork()) == 0) {
            memset(at, 9, PAGE);
            _exit(0);
        }
        reap(child);
        break;
    case 17:
        if (posix_spawn(&child, "/bin/true", NULL, NULL, nobody, nobody) == 0)
            reap(child);
        break;
    case 18:
        if (pthread_create(&id, NULL, thread, NULL) == 0)
            pthread_join(id, NULL);
        break;
    case 19: /* one that lives on */
        sigfillset(&set);
        sigprocmask(SIG_SETMASK, &set, NULL);
        if (any(8) == 0 && pthread_create(&id, NULL, thread, blocks) == 0)
            l->may_be_spent = true;
        break;
    case 20:
        sigaltstack(&stack, NULL);
        if (setjmp(elsewhere) == 0) {
            struct sigaction action = {.sa_handler = jump, .sa_flags = SA_ONSTACK | SA_NODEFER};
            sigaction(SIGUSR1, &action, NULL);
            sigemptyset(&set);
            sigprocmask(SIG_SETMASK, &set, NULL);
            raise(SIGUSR1);
        }
        break;
    case 21: /* signals that nobody has taken yet */
        sigfillset(&set);
        sigprocmask(SIG_SETMASK, &set, NULL);
        for (int i = 0; i < 3; i++)
            sigqueue(getpid(), SIGRTMIN + (int)any(4), value);
        kill(getpid(), SIGUSR2);
        raise(SIGTERM);
        break;
    case 22:
        signal((int)any(64), any(2) ? SIG_IGN : nothing);
        l->thoroughly = true;
        break;
    case 23:
        signal(SIGALRM, SIG_IGN);
        signal(SIGVTALRM, SIG_IGN);
        setitimer(any(2) ? ITIMER_REAL : ITIMER_VIRTUAL, &timer, NULL);
        break;
    case 24:
        if (any(8) == 0 && timer_create(CLOCK_REALTIME, NULL, &made) == 0)
            l->thoroughly = l->may_be_spent = true;
        break;
    case 25:
        umask((mode_t)any(512));
        setrlimit(any(2) ? RLIMIT_CORE : RLIMIT_NOFILE, &(struct rlimit){any(2) ? 300 : 400, 1 << 16});
        l->thoroughly = l->may_be_spent = true; /* a hard limit */
        break;
    case 26:
        umask((mode_t)any(512));
        chdir(any(2) ? "/proc" : "/usr");
        prctl(PR_SET_NAME, "another");
        fesetround(any(2) ? FE_UPWARD : FE_DOWNWARD);
        break;
    case 27: /* files */
        for (int i = 0; i < 5; i++)
            file = open("/dev/null", O_RDWR);
        dup2(file, (int)any(3));
        close((int)any(3));
        epoll_create1(0);
        flock(open("/", O_RDONLY | O_DIRECTORY), LOCK_SH);
        break;
    case 28: /* ours among them */
        fcntl(own[any(DESCRIPTORS)], F_SETFD, 0);
        fcntl(own[DIRECTORY], F_SETFL, O_NONBLOCK);
        l->thoroughly = true;
        break;
    case 29:
        if (any(8) == 0) {
            file = own[any(DESCRIPTORS)];
            if (any(2))
                close(file);
            else
                dup2(0, file);
            l->thoroughly = l->may_be_spent = true; /* as 0 may be the same as ours, but for its flags */
        }
        break;
    case 30:
        deep((int)any(700));
        break;
    case 31:
        dlopen(any(2) ? "libresolv.so.2" : "libnsl.so.1", RTLD_NOW);
        break;
    case 32:
        if ((at = malloc(200 << 20)))
            at[any(200 << 20)] = 1;
        if (any(2))
            free(at);
        break;
    case 33:
        file = shmget(IPC_PRIVATE, size, 0600);
        shmat(file, NULL, 0);
        shmctl(file, IPC_RMID, NULL);
        break;
    case 34:
        if (any(8) == 0 && syscall(SYS_io_setup, 4, &context) == 0)
            l->may_be_spent = true;
        break;
    case 35:
        if (any(8) == 0) {
            nice(1);
            l->may_be_spent = true;
        }
        break;
    }
}
enum { ACTS = 36 };

static int aside(int file)
{
    int moved = fcntl(file, F_DUPFD_CLOEXEC, 200);
    close(file);
    return moved;
}

static void *map(void)
{
    void *made = mmap(NULL, (PAGES + 1) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(made, PAGES * PAGE, PROT_READ | PROT_WRITE); /* a reserve at its end */
    return made;
}

static void fill(int which)
{
    for (int i = 0; i < PAGES; i += 1 + which % 3)
        memset(area[which] + i * PAGE, 'a' + which, 100);
}

static void work(int told)
{
    static const char *const paths[] = {"/proc/self/pagemap", "/proc/self/maps", "/proc/self/statm", "/proc/self",
                                        "/proc/self/fd", "/proc/self/task", "/dev/null"};
    setpgid(0, 0);
    for (int i = 4; i < AREAS; i++)
        area[i] = map();
    for (int i = 2; i < AREAS - 1; i++)
        fill(i);
    for (int i = 0; i <= NULL_DEVICE; i++)
        own[i] = aside(open(paths[i], i == NULL_DEVICE ? O_RDWR : O_RDONLY));
    own[ERRORS] = aside(dup(2));
    own[DIRECTORY] = aside(open(".", O_RDONLY));
    dup2(own[NULL_DEVICE], 0);
    dup2(own[NULL_DEVICE], 1);
    errno = 0;
    l->areas = 0;
    if (total(note) > KEPT)
        wrong("too much memory");
    record();
    errno = 0;
    long returns = rewind_snapshot(own, told);
    if (returns < 0) {
        fprintf(stderr, "no snapshot: %s\n", rewind_error());
        exit(3);
    }
    errno = 0;
    if (returns == 0)
        record();
    else if (any(2))
        compare();
    l->rounds++;
    l->thoroughly = any(4) == 0;
    l->may_be_spent = false;
    for (l->logged = 0; l->logged < (int)any(12);) {
        int number = any(3) ? (int)any(ACTS) : (int)any(2);
        l->log[l->logged++] = number;
        l->done[number]++;
        act(number);
        /* What would be written there next may be gone. */
        if ((number >= 4 && number <= 8) || number == 21)
            break;
    }
    rewind_back("", 0, "", 0, l->thoroughly);
}

static void refuse(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_userfaultfd, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){4, rules})) {
        perror("seccomp");
        exit(2);
    }
}

int main(int count, char **values)
{
    arguments = values;
    if (count < 3)
        return 2;
    l = lasting(sizeof *l);
    l->copy = lasting(KEPT);
    l->random = strtoul(values[1], NULL, 10) * 2654435761u + 1;
    long most = strtol(values[2], NULL, 10);
    bool timed = false;
    for (int i = 3; i < count; i++)
        if (strcmp(values[i], "seconds") == 0)
            timed = true;
        else if (strcmp(values[i], "reading") == 0)
            rewind_by_reading();
        else
            refuse();
    int told[2];
    pthread_t id;
    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, told);
    told[1] = aside(told[1]);
    pthread_create(&id, NULL, thread, NULL); /* an arena that nobody uses */
    pthread_join(id, NULL);
    for (int i = 0; i < 4; i++)
        area[i] = map();
    fill(0);
    for (int i = 0; i < 64; i += 2)
        blocks[i] = malloc(any(5000));
    for (int i = 0; i < 2; i++) {
        if (rewind_image()) {
            printf("no image: %s\n", rewind_error());
            return 3;
        }
        fill(2);
    }
    time_t begun = time(NULL);
    while ((timed ? time(NULL) - begun : l->rounds) < most) {
        pid_t child = fork();
        int status;
        char reason[256] = "";
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;)
                work(told[1]);
        }
        /* A child that is spent after some time is as good as one that never is. */
        while (waitpid(child, &status, WNOHANG) == 0) {
            if ((timed ? time(NULL) - begun : l->rounds) >= most) {
                kill(child, SIGKILL);
                waitpid(child, &status, 0);
                status = 0;
                l->may_be_spent = true;
                break;
            }
            usleep(1000);
        }
        recv(told[0], reason, sizeof reason - 1, 0);
        if (status || !l->may_be_spent) {
            printf("status %x, %s; %ld rounds; after", status, reason, l->rounds);
            for (int i = 0; i < l->logged; i++)
                printf(" %d", l->log[i]);
            puts("");
            return 1;
        }
        l->spent += *reason != 0;
    }
    printf("%ld rounds, %ld times spent\n", l->rounds, l->spent);
    return 0;
}
