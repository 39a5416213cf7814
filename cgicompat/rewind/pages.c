/* Pages: which may differ from the image, what they were at the snapshot, and writing that back. */

#define _GNU_SOURCE
#include "rewind.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_RUNS = 65536, ENTRIES = 4096, COLD = 250 /* returns */, CHUNK = 256 };

/* <linux/fs.h> since 6.7 */
struct run {
    uint64_t start, end, categories;
};
struct scan {
    uint64_t size, flags, start, end, walk_end, runs, length, most, inverted, mask, any, wanted;
};
#define PAGEMAP_SCAN_ _IOWR('f', 16, struct scan)
enum { OF_FILE = 4, PRESENT = 8, SWAPPED = 16 };
static struct pages {
    uint32_t *kept;     /* by page: 0, or 1 + the number of its copy */
    uintptr_t *kept_at; /* by copy: where its page is */
    uint8_t *age;       /* by page: returns since it last differed */
    char *copies;
    size_t copy_count;
    long run_count; /* of the list of pages that may differ; -1 where it is to be made anew */
    struct run runs[MOST_RUNS];
    bool absent;     /* some were not in the list, and are there now */
    bool by_reading; /* no PAGEMAP_SCAN */
    uint64_t entries[ENTRIES];
} *p;

static bool by_reading;

/* Find pages as before Linux 6.7, from the next snapshot on: for tests. */
void rewind_by_reading(void)
{
    by_reading = true;
}

static long scan(void)
{
    long count = 0;
    uintptr_t at = snapshot->regions[0].start, end = snapshot->regions[snapshot->count - 1].end;
    while (at < end && count < MOST_RUNS) {
        struct scan scan = {sizeof scan, 0, at, end, 0, (uint64_t)(p->runs + count), (uint64_t)(MOST_RUNS - count),
                            0, OF_FILE, OF_FILE, PRESENT | SWAPPED, PRESENT};
        int got = ioctl(snapshot->descriptors[PAGEMAP], PAGEMAP_SCAN_, &scan);
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
    for (int i = 0; i < snapshot->count; i++) {
        const struct region *region = &snapshot->regions[i];
        for (uintptr_t address = region->start; address < region->end;) {
            size_t pages = (region->end - address) / PAGE;
            if (pages > ENTRIES)
                pages = ENTRIES;
            if (pread(snapshot->descriptors[PAGEMAP], p->entries, pages * 8, (off_t)(address / PAGE * 8)) !=
                (ssize_t)(pages * 8))
                return -1;
            for (size_t k = 0; k < pages; k++, address += PAGE) {
                if (!(p->entries[k] >> 62) || p->entries[k] >> 61 & 1)
                    continue; /* neither there nor swapped out; or the file's */
                if (count && p->runs[count - 1].end == address)
                    p->runs[count - 1].end += PAGE;
                else if (count == MOST_RUNS)
                    return -1;
                else
                    p->runs[count++] = (struct run){address, address + PAGE, 0};
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
        struct run run = p->runs[i];
        if (run.start < at)
            run.start = at;
        if (run.start >= run.end)
            continue;
        at = run.end;
        p->runs[kept++] = run;
    }
    return count < 0 ? count : kept;
}

static long list_pages(void)
{
    return p->by_reading ? scan_by_reading() : without_doubles(scan());
}

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

/* Its number among all pages. */
static size_t page_of(const struct region *region, uintptr_t address)
{
    return region->first + (address - region->start) / PAGE;
}

static const char *pristine(const struct region *region, uintptr_t address)
{
    size_t page = page_of(region, address);
    if (p->kept[page])
        return p->copies + (size_t)(p->kept[page] - 1) * PAGE;
    return region->image ? region->image + (address - region->start) : zeros;
}

/* Pages with a copy that are not in the list have been given back: they are the image's, or zeros. */
static bool mend_absent(void)
{
    bool found = false;
    long run = 0;
    for (size_t i = 0; i < p->copy_count; i++) {
        uintptr_t address = p->kept_at[i];
        while (run < p->run_count && p->runs[run].end <= address)
            run++;
        if (run == p->run_count || address < p->runs[run].start) {
            memcpy((void *)address, p->copies + i * PAGE, PAGE);
            found = true;
        }
    }
    return found;
}

bool pages_find(bool anew)
{
    p->absent = false;
    if (!anew && p->run_count >= 0)
        return true;
    if ((p->run_count = list_pages()) < 0)
        return false;
    p->absent = mend_absent();
    return true;
}

void pages_restore(void)
{
    const struct region *region = NULL;
    bool cooled = false;
    for (long i = 0; i < p->run_count; i++)
        for (uintptr_t address = p->runs[i].start; address < p->runs[i].end; address += PAGE) {
            if (!region || address < region->start || address >= region->end)
                region = region_of(snapshot->regions, snapshot->count, address);
            if (!region)
                continue; /* what is only read */
            size_t page = page_of(region, address);
            if (mend((char *)address, pristine(region, address)))
                p->age[page] = 0;
            else if (!region->foreign && !p->kept[page] && ++p->age[page] == COLD) {
                p->age[page] = 0;
                madvise((void *)address, PAGE, MADV_DONTNEED); /* back to the image */
                cooled = true;
            }
        }
    if (cooled || p->absent)
        p->run_count = -1;
}

void pages_refill(const struct region *region, uintptr_t start, uintptr_t end)
{
    for (uintptr_t address = start; address < end; address += PAGE)
        if (p->kept[page_of(region, address)])
            memcpy((void *)address, pristine(region, address), PAGE);
}

int pages_save(size_t pages)
{
    const struct region *region = NULL;
    size_t most = 0, count = 0;
    if (!(p = lasting(sizeof *p)) || !(p->kept = lasting(pages * sizeof *p->kept)) || !(p->age = lasting(pages)))
        return fail("no memory for a snapshot");
    p->by_reading = by_reading;
    if ((p->run_count = list_pages()) < 0) {
        p->by_reading = true;
        if ((p->run_count = list_pages()) < 0)
            return fail("/proc/self/pagemap cannot be read");
    }
    for (long i = 0; i < p->run_count; i++)
        most += (p->runs[i].end - p->runs[i].start) / PAGE;
    p->copies = lasting((most + 1) * PAGE);
    p->kept_at = lasting((most + 1) * sizeof *p->kept_at);
    if (!p->copies || !p->kept_at)
        return fail("no memory for copies");
    for (long i = 0; i < p->run_count; i++)
        for (uintptr_t address = p->runs[i].start; address < p->runs[i].end; address += PAGE) {
            if (!region || address < region->start || address >= region->end)
                region = region_of(snapshot->regions, snapshot->count, address);
            if (!region)
                continue;
            if (!region->foreign && memcmp((void *)address, pristine(region, address), PAGE) == 0) {
                madvise((void *)address, PAGE, MADV_DONTNEED);
                continue;
            }
            memcpy(p->copies + count * PAGE, (void *)address, PAGE);
            p->kept_at[count] = address;
            p->kept[page_of(region, address)] = (uint32_t)++count;
        }
    p->copy_count = count;
    p->run_count = -1;
    return 0;
}
