/* repository_scan.c - which files of the models folder claim to be a version of a model.
 *
 * Only names and stat() here; nothing is opened. Names starting with a dot (uploads in progress)
 * are not models. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "log.h"
#include "repository.h"
#include "repository_set.h"

enum { VERSIONS = 4096, DIGITS = 18 };

typedef struct place {
    scan *s;
    char name[65];
    int64_t version;
} place;

static int is_model_file(const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot && (!strcmp(dot, ".safetensors") || !strcmp(dot, ".onnx"));
}

static int is_taken(const scan *s, const found *f)
{
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->file[i].name, f->name) && s->file[i].version == f->version) {
            if (!s->quiet)
                log_line(LOG_WARN, "models",
                         "%s and %s are both version %lld of %s: the first is used",
                         s->file[i].path, f->path, (long long)f->version, f->name);
            return 1;
        }
    return 0;
}

static void add(const place *p, const char *path)
{
    scan *s = p->s;
    if (s->n == VERSIONS) {
        if (!s->quiet)
            log_line(LOG_WARN, "models", "%s is left out: at most %d versions are served", path,
                     VERSIONS);
        return;
    }
    if (s->n == s->cap) {
        int cap = s->cap ? s->cap * 2 : 16;
        found *more = realloc(s->file, sizeof *more * (size_t)cap);
        if (!more) {
            s->failed = ENOMEM;
            return;
        }
        s->file = more;
        s->cap = cap;
    }
    found *f = &s->file[s->n];
    memset(f, 0, sizeof *f);
    if (stat(path, &f->st) < 0 || !S_ISREG(f->st.st_mode))
        return;
    snprintf(f->name, sizeof f->name, "%s", p->name);
    snprintf(f->path, sizeof f->path, "%s", path);
    f->version = p->version;
    s->n += !is_taken(s, f);
}

int64_t repository_version(const char *s)
{
    size_t n = strspn(s, "0123456789");
    return n && n <= DIGITS && !s[n] && *s != '0' ? strtoll(s, NULL, 10) : 0;
}

/* Call fn for each entry of a folder, in the order of their names. -1 when it cannot be read. */
static int each_entry(const char *folder,
                      void (*fn)(const char *folder, const char *entry, place *p), place *p)
{
    struct dirent **list;
    int n = scandir(folder, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.')
            fn(folder, list[i]->d_name, p);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return n < 0 ? -1 : 0;
}

static void look_at_file(const char *folder, const char *entry, place *p)
{
    char path[REPOSITORY_PATH];
    if (is_model_file(entry) &&
        snprintf(path, sizeof path, "%s/%s", folder, entry) < REPOSITORY_PATH)
        add(p, path);
}

static void look_at_version(const char *folder, const char *entry, place *p)
{
    char path[REPOSITORY_PATH];
    p->version = repository_version(entry);
    if (p->version && snprintf(path, sizeof path, "%s/%s", folder, entry) < REPOSITORY_PATH)
        each_entry(path, look_at_file, p);
}

static void look_at_model(const char *folder, const char *entry, place *p)
{
    char path[REPOSITORY_PATH], name[256];
    struct stat st;
    if (snprintf(path, sizeof path, "%s/%s", folder, entry) >= REPOSITORY_PATH ||
        stat(path, &st) < 0)
        return;
    snprintf(name, sizeof name, "%s", entry);
    int file = S_ISREG(st.st_mode) && is_model_file(entry);
    if (file)
        *strrchr(name, '.') = 0;
    if (!file && !S_ISDIR(st.st_mode))
        return;
    if (!ax_name_ok(name)) {
        if (!p->s->quiet)
            log_line(LOG_WARN, "models", "%s is left out: a model's name is " AX_NAME_RULE, path);
        return;
    }
    memcpy(p->name, name, strlen(name) + 1);
    p->version = 1;
    if (file)
        add(p, path);
    else
        each_entry(path, look_at_version, p);
}

int scan_folder(const char *folder, scan *s)
{
    place p = {.s = s};
    if (each_entry(folder, look_at_model, &p) < 0)
        s->failed = errno;
    return s->failed ? -1 : 0;
}

void scan_free(scan *s)
{
    free(s->file);
    *s = (scan){0};
}

void repository_sweep(const char *folder)
{
    struct dirent **list;
    char path[REPOSITORY_PATH];
    int n = scandir(folder, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        const char *name = list[i]->d_name;
        int fd = -1;
        if (!strncmp(name, UPLOAD_PREFIX, sizeof UPLOAD_PREFIX - 1) &&
            snprintf(path, sizeof path, "%s/%s", folder, name) < REPOSITORY_PATH)
            fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && unlink(path) == 0)
            log_line(LOG_INFO, "models", "%s, the rest of an upload that was broken off, is removed", path);
        if (fd >= 0)
            close(fd);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

int repository_check_default(const repository *r, ax_err *err)
{
    const char *names[256];
    int n = 0, known = 0;
    scan s = {.quiet = 1};
    if (!r->default_model)
        return 0;
    scan_folder(r->folder, &s);
    for (int i = 0; i < s.n; i++) {
        known |= !strcmp(s.file[i].name, r->default_model);
        if (n < 256 && (!n || strcmp(names[n - 1], s.file[i].name)))
            names[n++] = s.file[i].name;
    }
    if (s.n && !known) {
        const char *near = ax_nearest(r->default_model, names, n);
        ax_fail(err, AX_ENOTFOUND, "--default-model: there is no model '%s' in the folder '%.200s'",
                r->default_model, r->folder);
        ax_err_hint(err, near ? "did you mean '%s'?" : "one that is there: '%s'",
                    near ? near : names[0]);
    }
    int result = known ? 0 : s.n ? -1 : 1;
    scan_free(&s);
    return result;
}
