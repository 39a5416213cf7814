/* What memory.c and kernel.c share. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Descriptors that the caller has opened for us, in this order. */
enum { PAGEMAP, MAPS, STATM, PROC, FILES, TASKS, NULL_DEVICE, ERRORS, DIRECTORY, DESCRIPTORS };

/* Memory that is not put back: shared with nobody but processes that a script forks. NULL if there is none. */
void *lasting(size_t size);

/* Has this process one thread, `tasks` being /proc/self/task? NULL, or why not, when some time has passed. */
const char *end_threads(int tasks);

/* What the kernel keeps for this process, as it is now. NULL, or what cannot be done. */
const char *kernel_save(const int *descriptors);

/* Makes it what it was; `thoroughly` looks at what takes longer to ask for, too. NULL, or why that cannot be:
   the process is spent. Signals are blocked. */
const char *kernel_restore(bool thoroughly);
