/* Puts this process's own memory back to a snapshot of it, page by page: Linux, glibc, one thread.

   rewind_image() is for a process that forks others: what is in its private memory goes into one file in memory,
   and is mapped from there. Its children share it, and the pages in which they differ from it are those that the
   kernel has copied for them: it tells which (PAGEMAP_SCAN, or /proc/self/pagemap before Linux 6.7).

   rewind_snapshot() in a child keeps what differs from the image already, and returns 0. After each
   rewind_back() it returns once more, with the number of returns, in memory that is as it was then; only what
   lasting() gave is not put back. That is setjmp() and longjmp() over all of memory. rewind_back() works on a
   stack of its own, as the first thing that it puts back is the one of its caller.

   No CPython API, no malloc: what is put back must not be in use.

   The file is long since an image, a snapshot and the way back are one thing: each line rests upon what the kernel
   and the two structures below hold at that moment. */

#define _GNU_SOURCE
#include "rewind.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE 4096u
#define ROOM ((size_t)1 << 30)
enum { MOST_VMAS = 8192, MOST_SPECIAL = 64, MOST_RUNS = 65536, TEXT = 1 << 21, MOST_TEXT = 2048 };
enum { COLD = 64 /* returns */, CHUNK = 256, STACK = 256 << 10 };

/* <linux/fs.h> since 6.7 */
struct run {
    uint64_t start, end, categories;
};
struct scan {
    uint64_t size, flags, start, end, walk_end, runs, length, most, inverted, mask, any, wanted;
};
#define PAGEMAP_SCAN_ _IOWR('f', 16, struct scan)
enum { OF_FILE = 4, PRESENT = 8, SWAPPED = 16 };

/* A mapping, as /proc/self/maps has it. `inode` is 0 where no file is behind it. */
struct vma {
    uintptr_t start, end;
    uint64_t inode;
    off_t offset;
    char rights[4];
    char kind; /* 's': the stack, 'k': the kernel's own, 'a': of asynchronous I/O, 0: any other */
    char flag; /* 'z': the kernel zeroes it at a fork, 'l': leave it alone */
};

/* Private writable memory that is put back. `image` has its bytes, NULL for zeros. */
struct region {
    uintptr_t start, end;
    size_t first; /* number of its first page among all */
    const char *image;
    off_t offset; /* in the image's file */
    int rights;
    bool foreign; /* of another file, or another part of the image's: what was given back would be that */
};

/* What a forked child finds: in memory that is itself in the image. */
static struct {
    int file;
    char *view;
    size_t size;
    uint64_t inode;
    int count, special_count;
    struct region regions[MOST_VMAS];
    struct vma special[MOST_SPECIAL];
} image = {.file = -1};

static struct state {
    jmp_buf origin;
    ucontext_t aside;
    sigset_t mask;
    int descriptors[DESCRIPTORS];
    int told; /* socket for the reason why the process is spent, or -1 */
    pid_t process;
    long returns;
    uintptr_t brk, stack_low, stack_top;
    char *stack_copy;
    int region_count, vma_count, zeroed_count;
    struct region regions[MOST_VMAS];
    struct vma vmas[MOST_VMAS], now[MOST_VMAS], zeroed[MOST_SPECIAL];
    uint32_t *kept;     /* by page: 0, or 1 + the number of its copy */
    uintptr_t *kept_at; /* by copy: where its page is */
    uint8_t *age;       /* by page: returns since it last differed */
    char *copies;
    size_t copy_count;
    long run_count; /* of the list of pages that may differ; -1 where it is to be made anew */
    struct run runs[MOST_RUNS];
    bool by_reading; /* no PAGEMAP_SCAN */
    long faults, faults_of_children;
    uintptr_t sizes[2];
    char *restartable, restartable_kept[32]; /* rseq(2): the kernel writes there */
    struct message {
        size_t size;
        char text[MOST_TEXT];
    } spent, fine;
    bool thoroughly;
    char text[TEXT];
    uint64_t entries[4096];
} *s;

static char wrong[160];
static bool by_reading;

const char *rewind_error(void)
{
    return wrong;
}

static int fail(const char *what)
{
    snprintf(wrong, sizeof wrong, "%s (%s)", what, errno ? strerror(errno) : "never seen before");
    return -1;
}

void *lasting(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

/* Mappings */

static size_t read_all(int file, char *to, size_t most)
{
    size_t all = 0;
    ssize_t got;
    while (all < most - 1 && (got = pread(file, to + all, most - 1 - all, (off_t)all)) > 0)
        all += (size_t)got;
    to[all] = 0;
    return all;
}

static uintptr_t number(char **text, int base)
{
    uintptr_t value = 0;
    for (;; ++*text) {
        char c = **text;
        if (c >= '0' && c <= '9')
            value = value * (unsigned)base + (uintptr_t)(c - '0');
        else if (base == 16 && c >= 'a' && c <= 'f')
            value = value * 16 + (uintptr_t)(c - 'a' + 10);
        else
            return value;
    }
}

/* From text of maps or smaps; how many, or -1. With smaps, flags are set. */
static int parse(char *text, struct vma *to, int most)
{
    int count = 0;
    for (char *next; *text; text = next) {
        char *end = strchr(text, '\n');
        if (!end)
            return -1;
        next = end + 1;
        *end = 0;
        if (*text >= 'A' && *text <= 'Z') {
            if (count && strncmp(text, "VmFlags:", 8) == 0) {
                if (strstr(text, " wf") || strstr(text, " dp"))
                    to[count - 1].flag = 'z';
                else if (strstr(text, " lo") || strstr(text, " ht") || strstr(text, " io") || strstr(text, " pf"))
                    to[count - 1].flag = 'l';
            }
            continue;
        }
        if (count == most)
            return -1;
        struct vma *vma = &to[count];
        memset(vma, 0, sizeof *vma);
        vma->start = number(&text, 16);
        text++;
        vma->end = number(&text, 16);
        text++;
        memcpy(vma->rights, text, 4);
        text += 5;
        vma->offset = (off_t)number(&text, 16);
        text++;
        number(&text, 16);
        text++;
        number(&text, 16); /* device */
        text++;
        vma->inode = number(&text, 10);
        text += strspn(text, " ");
        if (strcmp(text, "[stack]") == 0)
            vma->kind = 's';
        else if (strncmp(text, "[v", 2) == 0 || strcmp(text, "[uprobes]") == 0)
            vma->kind = 'k';
        else if (strncmp(text, "/[aio]", 6) == 0 || strcmp(text, "anon_inode:[io_uring]") == 0)
            vma->kind = 'a';
        count++;
    }
    return count;
}

/* In the file behind it. */
static off_t offset_at(const struct vma *vma, uintptr_t address)
{
    return vma->offset + (off_t)(address - vma->start);
}

static bool is_private(const struct vma *vma)
{
    return vma->rights[1] == 'w' && vma->rights[3] == 'p' && !vma->kind;
}

static bool is_ours(const struct vma *vma)
{
    return is_private(vma) && !vma->flag;
}

static int rights_of(const struct vma *vma)
{
    return (vma->rights[0] == 'r' ? PROT_READ : 0) | PROT_WRITE | (vma->rights[2] == 'x' ? PROT_EXEC : 0);
}

/* The image */

static bool write_at(int file, const char *from, size_t size, off_t at)
{
    while (size) {
        ssize_t done = pwrite(file, from, size, at);
        if (done <= 0)
            return false;
        from += done;
        at += done;
        size -= (size_t)done;
    }
    return true;
}

static const struct region *region_of(const struct region *regions, int count, uintptr_t address)
{
    int low = 0, high = count - 1;
    while (low <= high) {
        int middle = (low + high) / 2;
        if (address < regions[middle].start)
            high = middle - 1;
        else if (address >= regions[middle].end)
            low = middle + 1;
        else
            return &regions[middle];
    }
    return NULL;
}

/* Its number among all pages. */
static size_t page_of(const struct region *region, uintptr_t address)
{
    return region->first + (address - region->start) / PAGE;
}

/* In the image's file. */
static off_t place_of(const struct region *region, uintptr_t address)
{
    return region->offset + (off_t)(address - region->start);
}

/* Whether the file has anything at `at`, which grows from call to call: `data` to `hole` is what is known. */
static bool has_data(int file, off_t at, off_t *data, off_t *hole)
{
    if (at >= *hole) {
        *data = lseek(file, at, SEEK_DATA);
        *hole = *data < 0 ? INT64_MAX : lseek(file, *data, SEEK_HOLE);
    }
    return *data >= 0 && at >= *data;
}

/* Copies what there is of one mapping into the file; what was never touched stays a hole, also where the mapping
   is of the `former` image, whose inode is `known`. */
static bool store(const struct vma *vma, int file, off_t at, int pagemap, int former, uint64_t known,
                  uint64_t *entries, size_t most)
{
    bool all = vma->inode && vma->inode != known;
    off_t data = -1, hole = 0;
    for (uintptr_t address = vma->start; address < vma->end;) {
        size_t pages = (vma->end - address) / PAGE;
        if (pages > most)
            pages = most;
        if (pread(pagemap, entries, pages * 8, (off_t)(address / PAGE * 8)) != (ssize_t)(pages * 8))
            return false;
        for (size_t i = 0, stop; i < pages; i = stop) {
            bool there = false;
            for (stop = i; stop < pages; stop++) {
                off_t offset = offset_at(vma, address + stop * PAGE);
                bool here = all || entries[stop] >> 62 || (vma->inode && has_data(former, offset, &data, &hole));
                if (stop == i)
                    there = here;
                else if (there != here)
                    break;
            }
            const char *from = (const char *)address + i * PAGE;
            if (there && !write_at(file, from, (stop - i) * PAGE, at + (off_t)(address - vma->start + i * PAGE)))
                return false;
        }
        address += pages * PAGE;
    }
    return true;
}

/* A file whose number scripts do not count with: descriptors.py. */
static int out_of_the_way(int file)
{
    int moved = fcntl(file, F_DUPFD_CLOEXEC, 200);
    if (file >= 0)
        close(file);
    return moved;
}

/* Take what is in the private memory of this process now for what its children begin with. 0, or -1 with
   rewind_error(): nothing has changed then. */
int rewind_image(void)
{
    struct work {
        struct vma vmas[MOST_VMAS];
        uint64_t entries[4096];
        char text[1 << 23];
    } *work = lasting(sizeof *work);
    int smaps = -1, pagemap = -1, tasks = -1, file = -1, result = -1, count;
    const char *others;
    size_t size = 0;
    char *view = MAP_FAILED;
    struct stat about = {0};
    int status;
    sigset_t all, mask;

    errno = 0;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask);
    /* So that brk never falls below a snapshot, and few blocks are mappings of their own. */
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TOP_PAD, 1 << 20);
    if (!work || (smaps = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC)) < 0 ||
        (pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)) < 0 ||
        (tasks = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
        (file = out_of_the_way(memfd_create("cgicompat", MFD_CLOEXEC | MFD_ALLOW_SEALING))) < 0) {
        fail("/proc/self or memfd_create(2) cannot be used");
        goto out;
    }
    /* Their stacks would be taken from under them. */
    if ((others = end_threads(tasks))) {
        fail(others);
        goto out;
    }
    read_all(smaps, work->text, sizeof work->text);
    count = parse(work->text, work->vmas, MOST_VMAS);
    if (count <= 0) {
        fail("/proc/self/smaps reads otherwise than known");
        goto out;
    }
    image.count = image.special_count = 0;
    for (int i = 0; i < count; i++) {
        struct vma *vma = &work->vmas[i];
        if (is_ours(vma)) {
            image.regions[image.count++] = (struct region){
                vma->start, vma->end, 0, NULL, (off_t)size, rights_of(vma), false};
            size += vma->end - vma->start;
        } else if (vma->flag && image.special_count == MOST_SPECIAL) {
            errno = ENOMEM;
            fail("too many mappings are locked or zeroed at a fork");
            goto out;
        } else if (vma->flag)
            image.special[image.special_count++] = *vma;
    }
    /* What belongs to the former image is in use until its memory is mapped from the new one. */
    int former = image.file;
    char *former_view = image.view;
    size_t former_size = image.size;
    image.file = file;
    image.size = size;
    uint64_t former_inode = image.inode;
    /* Longer than needed, for mappings that realloc(3) makes grow. */
    bool stored = ftruncate(file, (off_t)(size + ROOM)) == 0 && fstat(file, &about) == 0 &&
                  (view = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, 0)) != MAP_FAILED;
    pid_t child = -1;
    image.view = view;
    image.inode = about.st_ino;
    for (int i = 0; i < image.count; i++)
        image.regions[i].image = view + image.regions[i].offset;
    /* A child writes it: where there is too little memory, the system ends that, not us. By the bare system call,
       since fork(3) leaves traces in the child, and the image would have them. */
    if (stored && (child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)) == 0) {
        int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        (void)!write(score, "1000", 4);
        for (int i = 0, n = 0; i < count && stored; i++)
            if (is_ours(&work->vmas[i]))
                stored = store(&work->vmas[i], file, image.regions[n++].offset, pagemap, former, former_inode,
                               work->entries, 4096);
        _exit(!stored);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status ||
        fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)) {
        image.file = former;
        image.view = former_view;
        image.size = former_size;
        image.inode = former_inode;
        image.count = 0; /* children of this process have none */
        errno = errno ? errno : ENOMEM;
        fail("no memory for an image");
        goto out;
    }
    for (int i = 0; i < image.count; i++) {
        const struct region *region = &image.regions[i];
        if (mmap((void *)region->start, region->end - region->start, region->rights,
                 MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file, region->offset) == MAP_FAILED)
            abort(); /* part of our memory is lost; it never was */
    }
    if (former >= 0) {
        munmap(former_view, former_size);
        close(former);
    }
    view = MAP_FAILED;
    file = -1;
    result = 0;
out:
    if (view != MAP_FAILED)
        munmap(view, size);
    if (file >= 0)
        close(file);
    if (smaps >= 0)
        close(smaps);
    if (pagemap >= 0)
        close(pagemap);
    if (tasks >= 0)
        close(tasks);
    if (work)
        munmap(work, sizeof *work);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return result;
}

/* The descriptor that the image needs, or -1. */
int rewind_file(void)
{
    return image.file;
}

/* Which pages may differ */

static long scan(void)
{
    long count = 0;
    uintptr_t at = s->regions[0].start, end = s->regions[s->region_count - 1].end;
    while (at < end && count < MOST_RUNS) {
        struct scan scan = {sizeof scan, 0, at, end, 0, (uint64_t)(s->runs + count), (uint64_t)(MOST_RUNS - count),
                            0, OF_FILE, OF_FILE, PRESENT | SWAPPED, PRESENT};
        int got = ioctl(s->descriptors[PAGEMAP], PAGEMAP_SCAN_, &scan);
        if (got < 0)
            return -1;
        count += got;
        if (scan.walk_end <= at)
            break;
        at = scan.walk_end;
    }
    return at < end ? -1 : count;
}

/* The same for kernels that cannot scan. */
static long scan_by_reading(void)
{
    long count = 0;
    for (int i = 0; i < s->region_count; i++) {
        const struct region *region = &s->regions[i];
        for (uintptr_t address = region->start; address < region->end;) {
            size_t pages = (region->end - address) / PAGE;
            if (pages > 4096)
                pages = 4096;
            if (pread(s->descriptors[PAGEMAP], s->entries, pages * 8, (off_t)(address / PAGE * 8)) !=
                (ssize_t)(pages * 8))
                return -1;
            for (size_t k = 0; k < pages; k++, address += PAGE) {
                if (!(s->entries[k] >> 62) || s->entries[k] >> 61 & 1)
                    continue; /* neither there nor swapped out; or the file's */
                if (count && s->runs[count - 1].end == address)
                    s->runs[count - 1].end += PAGE;
                else if (count == MOST_RUNS)
                    return -1;
                else
                    s->runs[count++] = (struct run){address, address + PAGE, 0};
            }
        }
    }
    return count;
}

/* In their order, each page once: the kernel tells some twice where there are more than 512 runs. */
static long without_doubles(long count)
{
    long kept = 0;
    uintptr_t at = 0;
    for (long i = 0; i < count; i++) {
        struct run run = s->runs[i];
        if (run.start < at)
            run.start = at;
        if (run.start >= run.end)
            continue;
        at = run.end;
        s->runs[kept++] = run;
    }
    return count < 0 ? count : kept;
}

static long list_pages(void)
{
    return s->by_reading ? scan_by_reading() : without_doubles(scan());
}

static void count_faults(long *own, long *of_children)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    *own = usage.ru_minflt + usage.ru_majflt;
    getrusage(RUSAGE_CHILDREN, &usage);
    *of_children = usage.ru_minflt + usage.ru_majflt;
}

/* Pages */

static const char zeros[PAGE] __attribute__((aligned(64)));

/* Writes only where they differ, which costs half; whether they did. */
static bool mend(char *to, const char *from)
{
    if (memcmp(to, from, PAGE) == 0)
        return false;
    for (size_t i = 0; i < PAGE; i += CHUNK)
        if (memcmp(to + i, from + i, CHUNK))
            memcpy(to + i, from + i, CHUNK);
    return true;
}

static const char *pristine(const struct region *region, uintptr_t address)
{
    size_t page = page_of(region, address);
    if (s->kept[page])
        return s->copies + (size_t)(s->kept[page] - 1) * PAGE;
    return region->image ? region->image + (address - region->start) : zeros;
}

static void mend_pages(void)
{
    const struct region *region = NULL;
    bool cooled = false;
    for (long i = 0; i < s->run_count; i++)
        for (uintptr_t address = s->runs[i].start; address < s->runs[i].end; address += PAGE) {
            if (!region || address < region->start || address >= region->end)
                region = region_of(s->regions, s->region_count, address);
            if (!region)
                continue; /* what is only read */
            size_t page = page_of(region, address);
            if (mend((char *)address, pristine(region, address)))
                s->age[page] = 0;
            else if (!region->foreign && !s->kept[page] && ++s->age[page] == COLD) {
                s->age[page] = 0;
                madvise((void *)address, PAGE, MADV_DONTNEED); /* back to the image */
                cooled = true;
            }
        }
    if (cooled)
        s->run_count = -1;
}

/* Pages with a copy that are not in the list have been given back: they are the image's, or zeros. */
static bool mend_absent(void)
{
    bool found = false;
    long run = 0;
    for (size_t i = 0; i < s->copy_count; i++) {
        uintptr_t address = s->kept_at[i];
        while (run < s->run_count && s->runs[run].end <= address)
            run++;
        if (run == s->run_count || address < s->runs[run].start) {
            memcpy((void *)address, s->copies + i * PAGE, PAGE);
            found = true;
        }
    }
    return found;
}

/* Mappings put back */

/* The kernel may fill what is not there of a mapping, without a fault that would tell, to have one large page. */
static void in_small_pages(uintptr_t start, uintptr_t end)
{
    madvise((void *)start, end - start, MADV_NOHUGEPAGE);
}

static bool refill(uintptr_t start, uintptr_t end)
{
    while (start < end) {
        const struct region *region = region_of(s->regions, s->region_count, start);
        if (!region)
            return false;
        uintptr_t stop = end < region->end ? end : region->end;
        int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;
        void *got = region->image ? mmap((void *)start, stop - start, region->rights, flags, image.file,
                                         place_of(region, start))
                                  : mmap((void *)start, stop - start, region->rights, flags | MAP_ANONYMOUS, -1, 0);
        if (got == MAP_FAILED)
            return false;
        if (!region->image)
            in_small_pages(start, stop);
        for (uintptr_t address = start; address < stop; address += PAGE)
            if (s->kept[page_of(region, address)])
                memcpy((void *)address, pristine(region, address), PAGE);
        start = stop;
    }
    return true;
}

/* Sweeps what is and what was, side by side: what is new is unmapped, what is gone is mapped again. NULL, or why
   the process is spent. */
static const char *restore_maps(void)
{
    read_all(s->descriptors[MAPS], s->text, TEXT);
    int count = parse(s->text, s->now, MOST_VMAS), i = 0, j = 0;
    if (count <= 0)
        return "it has too many mappings";
    for (uintptr_t at = 0; i < count || j < s->vma_count;) {
        struct vma *is = i < count ? &s->now[i] : NULL, *was = j < s->vma_count ? &s->vmas[j] : NULL;
        if (is && is->end <= at) {
            i++;
            continue;
        }
        if (was && was->end <= at) {
            j++;
            continue;
        }
        uintptr_t is_at = is ? (is->start > at ? is->start : at) : UINTPTR_MAX;
        uintptr_t was_at = was ? (was->start > at ? was->start : at) : UINTPTR_MAX;
        if (is_at < was_at) {
            uintptr_t end = is->end < was_at ? is->end : was_at;
            if (is->kind == 'a')
                return "asynchronous I/O may be under way";
            if (is->kind == 's') /* has grown, and stays so */
                madvise((void *)is_at, end - is_at, MADV_DONTNEED);
            else if (!is->kind && munmap((void *)is_at, end - is_at))
                return "a mapping cannot be undone";
            at = end;
        } else if (was_at < is_at) {
            uintptr_t end = was->end < is_at ? was->end : is_at;
            bool reserve = memcmp(was->rights, "---p", 4) == 0 && !was->inode;
            if (reserve ? mmap((void *)was_at, end - was_at, PROT_NONE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED
                        : !was->kind && !refill(was_at, end))
                return "a mapping is gone";
            at = end;
        } else {
            uintptr_t end = is->end < was->end ? is->end : was->end;
            at = is_at;
            bool same = is->inode == was->inode && (!is->inode || offset_at(is, at) == offset_at(was, at));
            if (is->kind || was->kind || (same && memcmp(is->rights, was->rights, 4) == 0))
                ;
            else if (region_of(s->regions, s->region_count, at)) {
                if (same && is->rights[3] == 'p') {
                    const struct region *region = region_of(s->regions, s->region_count, at);
                    if (mprotect((void *)at, end - at, region->rights))
                        return "a mapping cannot be changed back";
                } else if (!refill(at, end))
                    return "a mapping cannot be changed back";
            } else if (memcmp(was->rights, "---p", 4) == 0 && is->rights[3] == 'p' && !is->inode) {
                /* An allocator's reserve that was put to use. */
                if (mprotect((void *)at, end - at, PROT_NONE) || madvise((void *)at, end - at, MADV_DONTNEED))
                    return "a mapping cannot be changed back";
            } else
                return "a mapping was changed";
            at = end;
        }
    }
    s->run_count = -1;
    return NULL;
}

/* The pages of all, and of what is writable: what else stands in /proc/self/statm varies. */
static void read_sizes(uintptr_t *to)
{
    char text[128], *at = text;
    ssize_t size = pread(s->descriptors[STATM], text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = 0;
    for (int i = 0; i < 6; i++, at++)
        to[i > 0] = number(&at, 10);
}

/* There and back */

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
    bool absent = false;
    bool quiet = !s->thoroughly && faults == s->faults && of_children == s->faults_of_children;
    if (!quiet || memcmp(sizes, s->sizes, sizeof sizes)) {
        if ((spent = restore_maps()))
            spend(spent);
        read_sizes(s->sizes); /* the stack may have grown */
    }
    if (!quiet || s->run_count < 0) {
        if ((s->run_count = list_pages()) < 0)
            spend("its pages cannot be listed");
        absent = mend_absent();
    }
    tell(&s->fine);
    if (s->restartable)
        memcpy(s->restartable_kept, s->restartable, sizeof s->restartable_kept);
    mend_pages();
    if (absent)
        s->run_count = -1; /* they are there again */
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

/* Keep what differs from the image. */
static int keep_pages(void)
{
    const struct region *region = NULL;
    size_t most = 0, count = 0;
    if ((s->run_count = list_pages()) < 0) {
        s->by_reading = true;
        if ((s->run_count = list_pages()) < 0)
            return fail("/proc/self/pagemap cannot be read");
    }
    for (long i = 0; i < s->run_count; i++)
        most += (s->runs[i].end - s->runs[i].start) / PAGE;
    s->copies = lasting((most + 1) * PAGE);
    s->kept_at = lasting((most + 1) * sizeof *s->kept_at);
    if (!s->copies || !s->kept_at)
        return fail("no memory for copies");
    for (long i = 0; i < s->run_count; i++)
        for (uintptr_t address = s->runs[i].start; address < s->runs[i].end; address += PAGE) {
            if (!region || address < region->start || address >= region->end)
                region = region_of(s->regions, s->region_count, address);
            if (!region)
                continue;
            if (!region->foreign && memcmp((void *)address, pristine(region, address), PAGE) == 0) {
                madvise((void *)address, PAGE, MADV_DONTNEED);
                continue;
            }
            memcpy(s->copies + count * PAGE, (void *)address, PAGE);
            s->kept_at[count] = address;
            s->kept[page_of(region, address)] = (uint32_t)++count;
        }
    s->copy_count = count;
    s->run_count = -1;
    return 0;
}

/* What the image has at an address, if that is mapped from there: realloc(3) may have moved it, mremap(2). */
static const struct region *image_at(const struct vma *vma, uintptr_t address)
{
    const struct region *known = region_of(image.regions, image.count, address);
    if (!known || vma->inode != image.inode ||
        offset_at(vma, address) != place_of(known, address))
        return NULL;
    return known;
}

static __attribute__((noinline)) int take(uintptr_t stack_pointer)
{
    size_t pages = 0;
    s->brk = (uintptr_t)syscall(SYS_brk, 0);
    read_all(s->descriptors[MAPS], s->text, TEXT);
    s->vma_count = parse(s->text, s->vmas, MOST_VMAS);
    if (s->vma_count <= 0)
        return fail("/proc/self/maps reads otherwise than known");
    for (int i = 0; i < s->vma_count; i++) {
        struct vma *vma = &s->vmas[i];
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
            if (s->region_count == MOST_VMAS)
                return fail("too many mappings");
            if (vma->inode && !known) /* of a file that the image does not have: make it private */
                for (volatile char *byte = (volatile char *)at; byte < (volatile char *)end; byte += PAGE)
                    *byte = *byte;
            if (!known)
                in_small_pages(at, end);
            s->regions[s->region_count++] = (struct region){
                at, end, pages, known ? known->image + (at - known->start) : NULL,
                known ? place_of(known, at) : 0, rights_of(vma), vma->inode && !known};
            pages += (end - at) / PAGE;
            at = end;
        }
    }
    if (!s->stack_top || !s->region_count)
        return fail("/proc/self/maps tells of no stack");
    s->kept = lasting(pages * sizeof *s->kept);
    s->age = lasting(pages);
    s->stack_copy = lasting(s->stack_top - s->stack_low);
    /* Not shared: a child that is forked on it would run on the same. */
    void *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (!s->kept || !s->age || !s->stack_copy || stack == MAP_FAILED)
        return fail("no memory for a snapshot");
    getcontext(&s->aside);
    s->aside.uc_stack.ss_sp = stack;
    s->aside.uc_stack.ss_size = STACK;
    s->aside.uc_link = NULL;
    sigfillset(&s->aside.uc_sigmask);
    makecontext(&s->aside, go_back, 0);
    const char *problem = kernel_save(s->descriptors);
    if (problem) {
        errno = 0;
        snprintf(wrong, sizeof wrong, "%s", problem);
        return -1;
    }
    if (keep_pages())
        return -1;
    memcpy(s->stack_copy, (void *)s->stack_low, s->stack_top - s->stack_low);
    /* With what this function itself has mapped. */
    read_all(s->descriptors[MAPS], s->text, TEXT);
    s->vma_count = parse(s->text, s->vmas, MOST_VMAS);
    read_sizes(s->sizes);
    return 0;
}

/* 0 where the snapshot has been taken, and again the number of returns after each rewind_back(); -1 with
   rewind_error() where there is none. `told` is a socket for reasons, or -1; `descriptors` see rewind.h. */
long rewind_snapshot(const int *descriptors, int told)
{
    errno = 0;
    if (!(s = lasting(sizeof *s)))
        return fail("no memory for a snapshot");
    memcpy(s->descriptors, descriptors, sizeof s->descriptors);
    s->told = told;
    s->process = getpid();
    s->by_reading = by_reading;
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

/* Find pages as before Linux 6.7, from the next snapshot on: for tests. */
void rewind_by_reading(void)
{
    by_reading = true;
}
