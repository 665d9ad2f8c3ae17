/* memory.h - how much memory this process may reasonably use. Thread-safe. */
#ifndef AX_BASE_MEMORY_H
#define AX_BASE_MEMORY_H

#include <stdint.h>

/* Bytes of the machine's memory, cut to the cgroup's limit (docker --memory, a Kubernetes limit),
 * as they were when this was asked first. */
int64_t ax_memory(void);

/* The cgroup's limit alone, 0 when there is none; self and root as in ax_cores_quota(). */
int64_t ax_memory_limit(const char *self, const char *root);

/* What one model or one training may need at most: three quarters of ax_memory(). More could be
 * promised by the system, but would end with the process killed. */
int64_t ax_memory_budget(void);

#endif
