/* cores.c - affinity and cgroup quota; see cores.h. Version 2 has a file cpu.max ("max 100000" or
 * "150000 100000") at every level, version 1 cpu.cfs_quota_us and cpu.cfs_period_us. */
#include "base/cores.h"

#include <errno.h>
#include <sched.h>

#include "base/cgroup.h"

/* Cores that one level allows, 0: no limit here. */
static int64_t level_quota(const char *dir)
{
    long long quota = 0, period = 0;
    if (ax_cgroup_read(dir, "cpu.max", &quota, &period) != 2 &&
        (ax_cgroup_read(dir, "cpu.cfs_quota_us", &quota, NULL) < 1 ||
         ax_cgroup_read(dir, "cpu.cfs_period_us", &period, NULL) < 1))
        return 0;
    if (quota <= 0 || period <= 0)
        return 0;
    long long cores = quota / period + (quota % period != 0);
    return cores < 1 << 20 ? cores : 0;
}

int ax_cores_quota(const char *self, const char *root)
{
    return (int)ax_cgroup_least(self, root, "cpu", level_quota);
}

/* The mask grows until the kernel's fits: there are machines with more than 1024 processors. */
static int affinity(void)
{
    int count = 0;
    for (int cpus = 1024; !count && cpus <= 1 << 20; cpus *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        if (!set)
            break;
        size_t size = CPU_ALLOC_SIZE((size_t)cpus);
        int failed = sched_getaffinity(0, size, set);
        int too_small = failed && errno == EINVAL;
        if (!failed)
            count = CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (failed && !too_small)
            break;
    }
    return count > 0 ? count : 1;
}

int ax_cores(void)
{
    int cores = affinity(), quota = ax_cores_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    return quota && quota < cores ? quota : cores;
}
