/* Puts this process's own memory back to a snapshot of it, page by page: Linux, glibc, one thread.

   rewind_image() is for a process that forks others: what is in its private memory goes into one file in memory,
   and is mapped from there. Its children share it, and the pages in which they differ from it are those that the
   kernel has copied for them: it tells which (PAGEMAP_SCAN, or /proc/self/pagemap before Linux 6.7).

   rewind_snapshot() in a child keeps what differs from the image already, and returns 0. After each
   rewind_back() it returns once more, with the number of returns, in memory that is as it was then; only what
   lasting() gave is not put back. That is setjmp() and longjmp() over all of memory. rewind_back() works on a
   stack of its own, as the first thing that it puts back is the one of its caller.

   No CPython API, no malloc: what is put back must not be in use.

   mappings.c, pages.c and kernel.c each put back a part; image.c makes the image. */

#define _GNU_SOURCE
#include "rewind.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { MOST_TEXT = 2048, STACK = 256 << 10 };

struct snapshot *snapshot;

static struct state {
    jmp_buf origin;
    ucontext_t aside;
    sigset_t mask;
    int told; /* socket for the reason why the process is spent, or -1 */
    pid_t process;
    long returns;
    uintptr_t brk, stack_low, stack_top;
    char *stack_copy;
    int zeroed_count;
    struct vma zeroed[MOST_SPECIAL];
    long faults, faults_of_children;
    uintptr_t sizes[2];
    char *restartable, restartable_kept[32]; /* rseq(2): the kernel writes there */
    struct message {
        size_t size;
        char text[MOST_TEXT];
    } spent, fine;
    bool thoroughly;
} *s;

static char wrong[160];

const char *rewind_error(void)
{
    return wrong;
}

int fail(const char *what)
{
    snprintf(wrong, sizeof wrong, "%s (%s)", what, errno ? strerror(errno) : "never seen before");
    return -1;
}

void *lasting(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void count_faults(long *own, long *of_children)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    *own = usage.ru_minflt + usage.ru_majflt;
    getrusage(RUSAGE_CHILDREN, &usage);
    *of_children = usage.ru_minflt + usage.ru_majflt;
}

/* The pages of all, and of what is writable: what else stands in /proc/self/statm varies. */
static void read_sizes(uintptr_t *to)
{
    char text[128], *at = text;
    ssize_t size = pread(snapshot->descriptors[STATM], text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = 0;
    for (int i = 0; i < 6; i++, at++)
        to[i > 0] = number(&at, 10);
}

static void tell(const struct message *message)
{
    if (s->told >= 0 && message->size)
        send(s->told, message->text, message->size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void keep_message(struct message *to, const char *text, size_t size)
{
    to->size = size < MOST_TEXT ? size : MOST_TEXT;
    memcpy(to->text, text, to->size);
}

static _Noreturn void spend(const char *reason)
{
    for (; *reason && s->spent.size < MOST_TEXT; reason++)
        s->spent.text[s->spent.size++] = *reason;
    tell(&s->spent);
    _exit(0);
}

static void go_back(void)
{
    const char *spent = kernel_restore(s->thoroughly);
    if (spent)
        spend(spent);
    uintptr_t brk = (uintptr_t)syscall(SYS_brk, 0);
    if (brk > s->brk)
        syscall(SYS_brk, s->brk);
    else if (brk < s->brk)
        spend("its heap has shrunk");
    long faults, of_children;
    uintptr_t sizes[2];
    count_faults(&faults, &of_children);
    read_sizes(sizes);
    bool moved = s->thoroughly || faults != s->faults || of_children != s->faults_of_children ||
                 memcmp(sizes, s->sizes, sizeof sizes);
    if (moved) {
        if ((spent = mappings_restore()))
            spend(spent);
        read_sizes(s->sizes); /* the stack may have grown */
    }
    if (!pages_find(moved))
        spend("its pages cannot be listed");
    tell(&s->fine);
    if (s->restartable)
        memcpy(s->restartable_kept, s->restartable, sizeof s->restartable_kept);
    pages_restore();
    for (int i = 0; i < s->zeroed_count; i++)
        madvise((void *)s->zeroed[i].start, s->zeroed[i].end - s->zeroed[i].start, MADV_DONTNEED);
    memcpy((void *)s->stack_low, s->stack_copy, s->stack_top - s->stack_low);
    if (s->restartable)
        memcpy(s->restartable, s->restartable_kept, sizeof s->restartable_kept);
    s->returns++;
    count_faults(&s->faults, &s->faults_of_children);
    sigprocmask(SIG_SETMASK, &s->mask, NULL);
    longjmp(s->origin, 1);
}

/* For go_back(), on a stack of its own: not shared, since a child that is forked on it would run on the same. */
static bool prepare_aside(void)
{
    void *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED)
        return false;
    getcontext(&s->aside);
    s->aside.uc_stack.ss_sp = stack;
    s->aside.uc_stack.ss_size = STACK;
    s->aside.uc_link = NULL;
    sigfillset(&s->aside.uc_sigmask);
    makecontext(&s->aside, go_back, 0);
    return true;
}

/* What the image has at an address, if that is mapped from there: realloc(3) may have moved it, mremap(2). */
static const struct region *image_at(const struct vma *vma, uintptr_t address)
{
    const struct region *known = region_of(image.regions, image.count, address);
    if (!known || vma->inode != image.file.inode || offset_at(vma, address) != place_of(known, address))
        return NULL;
    return known;
}

static __attribute__((noinline)) int take(uintptr_t stack_pointer)
{
    size_t pages = 0;
    s->brk = (uintptr_t)syscall(SYS_brk, 0);
    struct vma *vma;
    int count = mappings_save(&vma);
    if (count <= 0)
        return fail("/proc/self/maps reads otherwise than known");
    for (; count--; vma++) {
        for (int j = 0; j < image.special_count; j++)
            if (vma->start >= image.special[j].start && vma->end <= image.special[j].end)
                vma->flag = image.special[j].flag;
        if (vma->kind == 's') {
            s->stack_low = (stack_pointer - 512) & ~63ul;
            s->stack_top = vma->end;
        } else if (vma->flag == 'z' && s->zeroed_count < MOST_SPECIAL)
            s->zeroed[s->zeroed_count++] = *vma;
        /* Parts of it may have been changed since the image was made, and new ones may adjoin it. */
        for (uintptr_t at = vma->start; is_private(vma) && vma->flag != 'z' && at < vma->end;) {
            const struct region *known = image_at(vma, at);
            uintptr_t end = known && known->end < vma->end ? known->end : vma->end;
            if (snapshot->count == MOST_VMAS)
                return fail("too many mappings");
            if (vma->inode && !known) /* of a file that the image does not have: make it private */
                for (volatile char *byte = (volatile char *)at; byte < (volatile char *)end; byte += PAGE)
                    *byte = *byte;
            if (!known)
                in_small_pages(at, end);
            snapshot->regions[snapshot->count++] = (struct region){
                at, end, pages, known ? known->image + (at - known->start) : NULL,
                known ? place_of(known, at) : 0, rights_of(vma), vma->inode && !known};
            pages += (end - at) / PAGE;
            at = end;
        }
    }
    if (!s->stack_top || !snapshot->count)
        return fail("/proc/self/maps tells of no stack");
    s->stack_copy = lasting(s->stack_top - s->stack_low);
    if (!s->stack_copy || !prepare_aside())
        return fail("no memory for a snapshot");
    const char *problem = kernel_save();
    if (problem) {
        errno = 0;
        snprintf(wrong, sizeof wrong, "%s", problem);
        return -1;
    }
    if (pages_save(pages))
        return -1;
    memcpy(s->stack_copy, (void *)s->stack_low, s->stack_top - s->stack_low);
    /* With what this function itself has mapped. */
    mappings_save(&vma);
    read_sizes(s->sizes);
    return 0;
}

/* 0 where the snapshot has been taken, and again the number of returns after each rewind_back(); -1 with
   rewind_error() where there is none. `told` is a socket for reasons, or -1; `descriptors` see rewind.h. */
long rewind_snapshot(const int *descriptors, int told)
{
    errno = 0;
    if (!(s = lasting(sizeof *s)) || !(snapshot = lasting(sizeof *snapshot)))
        return fail("no memory for a snapshot");
    memcpy(snapshot->descriptors, descriptors, sizeof snapshot->descriptors);
    s->told = told;
    s->process = getpid();
    extern const ptrdiff_t __rseq_offset __attribute__((weak));
    extern const unsigned __rseq_size __attribute__((weak));
    if (&__rseq_size && __rseq_size)
        s->restartable = (char *)__builtin_thread_pointer() + __rseq_offset;
    sigprocmask(SIG_SETMASK, NULL, &s->mask);
    if (setjmp(s->origin))
        return s->returns;
    return take((uintptr_t)__builtin_frame_address(0));
}

/* Go back to the snapshot; does not return. Where the process is spent, it ends, and the text `spent` with the
   reason goes to the socket, else `fine`, if there is any. */
void rewind_back(const char *spent, size_t spent_size, const char *fine, size_t fine_size, int thoroughly)
{
    sigset_t all;
    if (getpid() != s->process)
        _exit(0); /* a child of a script, which shares what lasts */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    keep_message(&s->spent, spent, spent_size);
    keep_message(&s->fine, fine, fine_size);
    s->thoroughly = thoroughly;
    setcontext(&s->aside);
    abort();
}
