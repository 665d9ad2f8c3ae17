/* memory.c - physical memory and cgroup limit; see memory.h. Version 2 has memory.max at every
 * level, version 1 memory.limit_in_bytes, where a huge number means none. */
#include "base/memory.h"

#include <unistd.h>

#include "base/cgroup.h"

static int64_t level_limit(const char *dir)
{
    long long bytes = 0;
    if (ax_cgroup_read(dir, "memory.max", &bytes, NULL) < 1 &&
        ax_cgroup_read(dir, "memory.limit_in_bytes", &bytes, NULL) < 1)
        return 0;
    return bytes > 0 && bytes < (int64_t)1 << 60 ? bytes : 0;
}

int64_t ax_memory_limit(const char *self, const char *root)
{
    return ax_cgroup_least(self, root, "memory", level_limit);
}

static int64_t measure(void)
{
    int64_t pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    int64_t machine = pages > 0 && page > 0 ? pages * page : (int64_t)1 << 30;
    int64_t limit = ax_memory_limit("/proc/self/cgroup", "/sys/fs/cgroup");
    return limit && limit < machine ? limit : machine;
}

int64_t ax_memory(void)
{
    static int64_t known; /* atomic; plans ask often, and it hardly ever changes */
    int64_t bytes = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (!bytes)
        __atomic_store_n(&known, bytes = measure(), __ATOMIC_RELAXED);
    return bytes;
}

int64_t ax_memory_budget(void)
{
    return ax_memory() / 4 * 3;
}
