/* cores.h - how many processors this process may really use. Thread-safe. */
#ifndef AX_BASE_CORES_H
#define AX_BASE_CORES_H

/* At least 1: the affinity mask (taskset, cpuset), cut to the cgroup's cpu quota (docker --cpus,
 * a Kubernetes limit), which is rounded up. */
int ax_cores(void);

/* The quota alone, 0 when there is none. self: a file like /proc/self/cgroup; root: where the
 * cgroup file systems are mounted, /sys/fs/cgroup. Versions 1 and 2; all levels up to the root
 * count, as they do for the kernel. */
int ax_cores_quota(const char *self, const char *root);

#endif
