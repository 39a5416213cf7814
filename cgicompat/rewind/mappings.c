/* Mappings: what /proc/self/maps says, and how what has become of them is undone. */

#define _GNU_SOURCE
#include "rewind.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TEXT = 1 << 21 };

static struct mappings {
    int count;
    struct vma was[MOST_VMAS], now[MOST_VMAS];
    char text[TEXT];
} *m;

size_t read_all(int file, char *to, size_t most)
{
    size_t all = 0;
    ssize_t got;
    while (all < most - 1 && (got = pread(file, to + all, most - 1 - all, (off_t)all)) > 0)
        all += (size_t)got;
    to[all] = 0;
    return all;
}

uintptr_t number(char **text, int base)
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
int parse(char *text, struct vma *to, int most)
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

off_t offset_at(const struct vma *vma, uintptr_t address)
{
    return vma->offset + (off_t)(address - vma->start);
}

bool is_private(const struct vma *vma)
{
    return vma->rights[1] == 'w' && vma->rights[3] == 'p' && !vma->kind;
}

int rights_of(const struct vma *vma)
{
    return (vma->rights[0] == 'r' ? PROT_READ : 0) | PROT_WRITE | (vma->rights[2] == 'x' ? PROT_EXEC : 0);
}

const struct region *region_of(const struct region *regions, int count, uintptr_t address)
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
off_t place_of(const struct region *region, uintptr_t address)
{
    return region->offset + (off_t)(address - region->start);
}

int mappings_save(struct vma **to)
{
    if (!m && !(m = lasting(sizeof *m)))
        return -1;
    read_all(snapshot->descriptors[MAPS], m->text, TEXT);
    m->count = parse(m->text, m->was, MOST_VMAS);
    *to = m->was;
    return m->count;
}

void in_small_pages(uintptr_t start, uintptr_t end)
{
    madvise((void *)start, end - start, MADV_NOHUGEPAGE);
}

static bool refill(uintptr_t start, uintptr_t end)
{
    while (start < end) {
        const struct region *region = region_of(snapshot->regions, snapshot->count, start);
        if (!region)
            return false;
        uintptr_t stop = end < region->end ? end : region->end;
        int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;
        void *got = region->image ? mmap((void *)start, stop - start, region->rights, flags, image.file.number,
                                         place_of(region, start))
                                  : mmap((void *)start, stop - start, region->rights, flags | MAP_ANONYMOUS, -1, 0);
        if (got == MAP_FAILED)
            return false;
        if (!region->image)
            in_small_pages(start, stop);
        pages_refill(region, start, stop);
        start = stop;
    }
    return true;
}

/* Sweeps what is and what was, side by side: what is new is unmapped, what is gone is mapped again. NULL, or why
   the process is spent. */
const char *mappings_restore(void)
{
    read_all(snapshot->descriptors[MAPS], m->text, TEXT);
    int count = parse(m->text, m->now, MOST_VMAS), i = 0, j = 0;
    if (count <= 0)
        return "it has too many mappings";
    for (uintptr_t at = 0; i < count || j < m->count;) {
        struct vma *is = i < count ? &m->now[i] : NULL, *was = j < m->count ? &m->was[j] : NULL;
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
            else if (region_of(snapshot->regions, snapshot->count, at)) {
                if (same && is->rights[3] == 'p') {
                    const struct region *region = region_of(snapshot->regions, snapshot->count, at);
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
    return NULL;
}
