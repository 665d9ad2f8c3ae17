/* cgroup.h - the limits that the control groups of this process set. Thread-safe. */
#ifndef AX_BASE_CGROUP_H
#define AX_BASE_CGROUP_H

#include <stdint.h>

/* The smallest of the limits on the way from this process's group up to the root, all of which
 * count, as they do for the kernel; 0 when there is none. self: a file like /proc/self/cgroup;
 * root: where the cgroup file systems are mounted, /sys/fs/cgroup; controller: "cpu", "memory";
 * level: the limit of one folder, 0 for none. Versions 1 and 2. */
int64_t ax_cgroup_least(const char *self, const char *root, const char *controller,
                        int64_t (*level)(const char *dir));

/* The first words of the small file dir/name, as level() reads them: how many of a, b (may be NULL)
 * could be read. A word "max" reads as none. */
int ax_cgroup_read(const char *dir, const char *name, long long *a, long long *b);

#endif
