/* What the files here share. Begin reading in memory.c. */

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Who loads us sees these alone. */
const char *rewind_error(void);
int rewind_image(void);
int rewind_file(void);
long rewind_snapshot(const int *descriptors, int told);
void rewind_back(const char *spent, size_t spent_size, const char *fine, size_t fine_size, int thoroughly);
void rewind_by_reading(void);
#pragma GCC visibility push(hidden)

#define PAGE 4096u
enum { MOST_VMAS = 8192, MOST_SPECIAL = 64 };

/* Descriptors that the caller has opened for us, in this order. */
enum { PAGEMAP, MAPS, STATM, PROC, FILES, TASKS, NULL_DEVICE, ERRORS, DIRECTORY, DESCRIPTORS };

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
extern struct image {
    struct image_file {
        int number;
        char *view;
        size_t size;
        uint64_t inode;
    } file;
    int count, special_count;
    struct region regions[MOST_VMAS];
    struct vma special[MOST_SPECIAL];
} image;

/* What is put back, and by what. It lasts. */
extern struct snapshot {
    int descriptors[DESCRIPTORS];
    int count;
    struct region regions[MOST_VMAS];
} *snapshot;

/* memory.c */

/* Memory that is not put back: shared with nobody but processes that a script forks. NULL if there is none. */
void *lasting(size_t size);

/* Has rewind_error() say so, with errno if there is one. -1. */
int fail(const char *what);

/* mappings.c */

size_t read_all(int file, char *to, size_t most);
uintptr_t number(char **text, int base);
int parse(char *text, struct vma *to, int most);

/* In the file behind it. */
off_t offset_at(const struct vma *vma, uintptr_t address);
bool is_private(const struct vma *vma);
int rights_of(const struct vma *vma);

/* The one at an address, NULL if there is none. They are in order. */
const struct region *region_of(const struct region *regions, int count, uintptr_t address);

/* In the image's file. */
off_t place_of(const struct region *region, uintptr_t address);

/* Those of this process, for mappings_restore() to go back to; how many, or -1. */
int mappings_save(struct vma **to);

/* NULL, or why the process is spent. */
const char *mappings_restore(void);

/* The kernel may fill what is not there of a mapping, without a fault that would tell, to have one large page. */
void in_small_pages(uintptr_t start, uintptr_t end);

/* pages.c */

/* Keeps what differs from the image in the snapshot's regions, which have so many pages. 0, or -1. */
int pages_save(size_t pages);

/* Finds the pages that may differ, `anew` if others may than before. Whether that could be done. */
bool pages_find(bool anew);

/* Puts back those that were found. */
void pages_restore(void);

/* The same for what has been mapped from the image again. */
void pages_refill(const struct region *region, uintptr_t start, uintptr_t end);

/* kernel.c */

/* Has this process one thread, `tasks` being /proc/self/task? NULL, or why not, when some time has passed. */
const char *end_threads(int tasks);

/* What the kernel keeps for this process, as it is now. NULL, or what cannot be done. */
const char *kernel_save(void);

/* Makes it what it was; `thoroughly` looks at what takes longer to ask for, too. NULL, or why that cannot be:
   the process is spent. Signals are blocked. */
const char *kernel_restore(bool thoroughly);

#pragma GCC visibility pop
