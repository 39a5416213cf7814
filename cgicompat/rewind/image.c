/* The image: a process's private memory as a file, from which it and its children have it. */

#define _GNU_SOURCE
#include "rewind.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROOM ((size_t)1 << 30)
enum { ENTRIES = 4096 };

struct image image = {.file = {-1, MAP_FAILED, 0, 0}};

static bool is_ours(const struct vma *vma)
{
    return is_private(vma) && !vma->flag;
}

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
   is of the `former` image. */
static bool store(const struct vma *vma, int file, off_t at, int pagemap, const struct image_file *former,
                  uint64_t *entries)
{
    bool all = vma->inode && vma->inode != former->inode;
    off_t data = -1, hole = 0;
    for (uintptr_t address = vma->start; address < vma->end;) {
        size_t pages = (vma->end - address) / PAGE;
        if (pages > ENTRIES)
            pages = ENTRIES;
        if (pread(pagemap, entries, pages * 8, (off_t)(address / PAGE * 8)) != (ssize_t)(pages * 8))
            return false;
        for (size_t i = 0, stop; i < pages; i = stop) {
            bool there = false;
            for (stop = i; stop < pages; stop++) {
                off_t offset = offset_at(vma, address + stop * PAGE);
                bool here = all || entries[stop] >> 62 || (vma->inode && has_data(former->number, offset, &data, &hole));
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
        uint64_t entries[ENTRIES];
        char text[1 << 23];
    } *work = lasting(sizeof *work);
    const struct image_file former = image.file;
    struct image_file file = {-1, MAP_FAILED, 0, 0};
    int smaps = -1, pagemap = -1, tasks = -1, result = -1, count;
    const char *others;
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
        (file.number = out_of_the_way(memfd_create("cgicompat", MFD_CLOEXEC | MFD_ALLOW_SEALING))) < 0) {
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
                vma->start, vma->end, 0, NULL, (off_t)file.size, rights_of(vma), false};
            file.size += vma->end - vma->start;
        } else if (vma->flag && image.special_count == MOST_SPECIAL) {
            errno = ENOMEM;
            fail("too many mappings are locked or zeroed at a fork");
            goto out;
        } else if (vma->flag)
            image.special[image.special_count++] = *vma;
    }
    /* Longer than needed, for mappings that realloc(3) makes grow. */
    bool stored = ftruncate(file.number, (off_t)(file.size + ROOM)) == 0 && fstat(file.number, &about) == 0 &&
                  (file.view = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, file.number, 0)) != MAP_FAILED;
    pid_t child = -1;
    file.inode = about.st_ino;
    image.file = file;
    for (int i = 0; i < image.count; i++)
        image.regions[i].image = file.view + image.regions[i].offset;
    /* A child writes it: where there is too little memory, the system ends that, not us. By the bare system call,
       since fork(3) leaves traces in the child, and the image would have them. */
    if (stored && (child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)) == 0) {
        int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        (void)!write(score, "1000", 4);
        for (int i = 0, n = 0; i < count && stored; i++)
            if (is_ours(&work->vmas[i]))
                stored = store(&work->vmas[i], file.number, image.regions[n++].offset, pagemap, &former,
                               work->entries);
        _exit(!stored);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status ||
        fcntl(file.number, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)) {
        image.file = former;
        image.count = 0; /* children of this process have none */
        errno = errno ? errno : ENOMEM;
        fail("no memory for an image");
        goto out;
    }
    for (int i = 0; i < image.count; i++) {
        const struct region *region = &image.regions[i];
        if (mmap((void *)region->start, region->end - region->start, region->rights,
                 MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, file.number, region->offset) == MAP_FAILED)
            abort(); /* part of our memory is lost; it never was */
    }
    file = former; /* which was in use until now */
    result = 0;
out:
    if (file.view != MAP_FAILED)
        munmap(file.view, file.size);
    if (file.number >= 0)
        close(file.number);
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
    return image.file.number;
}
