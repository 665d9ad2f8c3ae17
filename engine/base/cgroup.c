/* cgroup.c - from the process's group up to the root; see cgroup.h.
 *
 * Version 2 has one tree, "0::/path" in /proc/self/cgroup, and a file like cpu.max at every level.
 * Version 1 has a tree per controller, "3:cpu,cpuacct:/path". Inside a container the path may be
 * one of the host that is not visible here; the walk up from it ends at the root, which then is the
 * container's own. */
#include "base/cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST_PATH = 4096 };

int ax_cgroup_read(const char *dir, const char *name, long long *a, long long *b)
{
    char path[LONGEST_PATH + 64];
    long long unused;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "re");
    if (!f)
        return 0;
    int n = fscanf(f, "%lld %lld", a, b ? b : &unused);
    fclose(f);
    return n > 0 ? n : 0;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return !a || (b && b < a) ? b : a;
}

typedef int64_t level_fn(const char *dir);

/* From root + path up to root. */
static int64_t tree_least(const char *root, const char *path, level_fn *level)
{
    char dir[LONGEST_PATH];
    int n = snprintf(dir, sizeof dir, "%s%s", root, path);
    int64_t least = 0;
    size_t top = strlen(root);
    if (n < 0 || (size_t)n >= sizeof dir || strstr(path, "/.."))
        return 0;
    for (;;) {
        least = smaller(least, level(dir));
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
static int64_t line_least(char *line, const char *root, const char *controller, level_fn *level)
{
    char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
    char at[LONGEST_PATH];
    if (!path)
        return 0;
    *path++ = 0, names++;
    path[strcspn(path, "\n")] = 0;
    if (!*names)
        return tree_least(root, path, level);
    if (!has_word(names, controller))
        return 0;
    int64_t least = 0;
    const char *const mounts[] = {controller, names};
    for (int i = 0; i < 2; i++) {
        int n = snprintf(at, sizeof at, "%s/%s", root, mounts[i]);
        if (n > 0 && (size_t)n < sizeof at)
            least = smaller(least, tree_least(at, path, level));
    }
    return least;
}

int64_t ax_cgroup_least(const char *self, const char *root, const char *controller, level_fn *level)
{
    FILE *f = fopen(self, "re");
    char *line = NULL;
    size_t room = 0;
    int64_t least = 0;
    if (!f)
        return 0;
    while (getline(&line, &room, f) > 0)
        least = smaller(least, line_least(line, root, controller, level));
    free(line);
    fclose(f);
    return least;
}
