/* cores.c - affinity and cgroup quota; see cores.h.
 *
 * Version 2 has one tree, "0::/path" in /proc/self/cgroup, and a file cpu.max ("max 100000" or
 * "150000 100000") at every level. Version 1 has a tree per controller, "3:cpu,cpuacct:/path", with
 * cpu.cfs_quota_us and cpu.cfs_period_us. Inside a container the path may be one of the host that
 * is not visible here; the walk up from it ends at the root, which then is the container's own. */
#include "base/cores.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_PATH = 4096 };

/* The first words of a small file: how many of a, b could be read. A word "max" reads as none. */
static int read_pair(const char *dir, const char *name, long long *a, long long *b)
{
    char path[LONGEST_PATH + 64];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    int n = fscanf(f, "%lld %lld", a, b);
    fclose(f);
    return n > 0 ? n : 0;
}

/* Cores that one level allows, 0: no limit here. */
static int level_quota(const char *dir)
{
    long long quota = 0, period = 0, unused;
    if (read_pair(dir, "cpu.max", &quota, &period) != 2 &&
        (read_pair(dir, "cpu.cfs_quota_us", &quota, &unused) != 1 ||
         read_pair(dir, "cpu.cfs_period_us", &period, &unused) != 1))
        return 0;
    if (quota <= 0 || period <= 0)
        return 0;
    long long cores = quota / period + (quota % period != 0);
    return cores < 1 << 20 ? (int)cores : 0;
}

static int smaller(int a, int b)
{
    return !a || (b && b < a) ? b : a;
}

/* From root + path up to root. */
static int tree_quota(const char *root, const char *path)
{
    char dir[LONGEST_PATH];
    int n = snprintf(dir, sizeof dir, "%s%s", root, path), least = 0;
    size_t top = strlen(root);
    if (n < 0 || (size_t)n >= sizeof dir || strstr(path, "/.."))
        return 0;
    for (;;) {
        least = smaller(least, level_quota(dir));
        char *slash = strrchr(dir, '/');
        if (!slash || slash < dir + top)
            return least;
        *slash = 0;
    }
}

static int has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; (p = strstr(p, word)); p += n)
        if ((p == list || p[-1] == ',') && (p[n] == 0 || p[n] == ','))
            return 1;
    return 0;
}

/* One line of /proc/self/cgroup, "number:controllers:/path". */
static int line_quota(char *line, const char *root)
{
    char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
    char at[LONGEST_PATH];
    if (!path)
        return 0;
    *path++ = 0, names++;
    path[strcspn(path, "\n")] = 0;
    if (!*names)
        return tree_quota(root, path);
    if (!has_word(names, "cpu"))
        return 0;
    int least = 0;
    const char *const mounts[] = {"cpu", names};
    for (int i = 0; i < 2; i++) {
        int n = snprintf(at, sizeof at, "%s/%s", root, mounts[i]);
        if (n > 0 && (size_t)n < sizeof at)
            least = smaller(least, tree_quota(at, path));
    }
    return least;
}

int ax_cores_quota(const char *self, const char *root)
{
    FILE *f = fopen(self, "re");
    char *line = NULL;
    size_t room = 0;
    int least = 0;
    if (!f)
        return 0;
    while (getline(&line, &room, f) > 0)
        least = smaller(least, line_quota(line, root));
    free(line);
    fclose(f);
    return least;
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
