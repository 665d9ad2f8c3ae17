/* repository_files.c - the models folder on disk: looking, loading, putting, removing.
 *
 * Runs on the admin thread only, so there is one change at a time. A file is opened, checked by its
 * own self-test and run once before anybody sees it; a file that did not change since it was opened
 * is kept as it is. Names starting with a dot (uploads in progress) are not models. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "repository_set.h"

enum { VERSIONS = 4096, PATH = 4096 };

typedef struct found { /* a file that claims to be a model version */
    char name[65];
    int64_t version;
    char path[PATH];
    struct stat st;
} found;

typedef struct scan {
    found *file;
    int n, cap;
} scan;

/* ---- looking -----------------------------------------------------------------------------------
 */

static int is_model_file(const char *name)
{
    const char *dot = strrchr(name, '.');
    return name[0] != '.' && dot && (!strcmp(dot, ".safetensors") || !strcmp(dot, ".onnx"));
}

static void add(scan *s, const char *name, int64_t version, const char *path)
{
    if (s->n == VERSIONS)
        return;
    if (s->n == s->cap) {
        int cap = s->cap ? s->cap * 2 : 16;
        found *more = realloc(s->file, sizeof *more * (size_t)cap);
        if (!more)
            return;
        s->file = more;
        s->cap = cap;
    }
    found *f = &s->file[s->n];
    memset(f, 0, sizeof *f);
    if (stat(path, &f->st) < 0 || !S_ISREG(f->st.st_mode))
        return;
    snprintf(f->name, sizeof f->name, "%s", name);
    snprintf(f->path, sizeof f->path, "%s", path);
    f->version = version;
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->file[i].name, name) && s->file[i].version == version) {
            log_line(LOG_WARN, "models", "%s and %s are both version %lld of %s: the first is used",
                     s->file[i].path, path, (long long)version, name);
            return;
        }
    s->n++;
}

/* "17" -> 17; 0 when it is not a version. */
static int64_t version_number(const char *s)
{
    char *end;
    errno = 0;
    long long v = *s >= '1' && *s <= '9' ? strtoll(s, &end, 10) : 0;
    return v > 0 && !*end && !errno ? v : 0;
}

/* Call fn for each entry of a folder, in the order of their names. -1 when it cannot be read. */
static int each_entry(const char *folder,
                      void (*fn)(const char *folder, const char *entry, void *ctx), void *ctx)
{
    struct dirent **list;
    int n = scandir(folder, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.')
            fn(folder, list[i]->d_name, ctx);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return n < 0 ? -1 : 0;
}

typedef struct place {
    scan *s;
    char name[65];
    int64_t version;
} place;

static void look_at_file(const char *folder, const char *entry, void *ctx)
{
    place *p = ctx;
    char path[PATH];
    if (is_model_file(entry) && snprintf(path, sizeof path, "%s/%s", folder, entry) < PATH)
        add(p->s, p->name, p->version, path);
}

static void look_at_version(const char *folder, const char *entry, void *ctx)
{
    place *p = ctx;
    char path[PATH];
    p->version = version_number(entry);
    if (p->version && snprintf(path, sizeof path, "%s/%s", folder, entry) < PATH)
        each_entry(path, look_at_file, p);
}

static void look_at_model(const char *folder, const char *entry, void *ctx)
{
    place *p = ctx;
    char path[PATH], name[256];
    struct stat st;
    if (snprintf(path, sizeof path, "%s/%s", folder, entry) >= PATH || stat(path, &st) < 0)
        return;
    snprintf(name, sizeof name, "%s", entry);
    int file = S_ISREG(st.st_mode) && is_model_file(entry);
    if (file)
        *strrchr(name, '.') = 0;
    if (!file && !S_ISDIR(st.st_mode))
        return;
    if (!repository_name_ok(name)) {
        log_line(LOG_WARN, "models", "%s is left out: a model's name is [A-Za-z0-9_.-]{1,64}",
                 path);
        return;
    }
    memcpy(p->name, name, strlen(name) + 1);
    if (file)
        add(p->s, name, 1, path);
    else
        each_entry(path, look_at_version, p);
}

/* ---- loading ------------------------------------------------------------------------------------
 */

static served *open_served(const char *name, int64_t version, const char *path, ax_err *err)
{
    served *s = calloc(1, sizeof *s);
    struct stat st;
    int64_t start = now_ns(), row_ns;
    if (!s || !(s->path = strdup(path))) {
        free(s);
        ax_fail(err, AX_ENOMEM, "out of memory");
        return NULL;
    }
    s->refs = 1;
    snprintf(s->name, sizeof s->name, "%s", name);
    s->version = version;
    runner_init(&s->runner, s);
    s->stats = metrics_model(name);
    s->model = stat(path, &st) < 0 || !s->stats ? NULL : ax_model_open(path, err);
    if (s->model) {
        s->info = ax_model_get_info(s->model);
        if (s->info->n_inputs > WIRE_INPUTS || s->info->n_outputs > WIRE_OUTPUTS)
            ax_fail(err, AX_EUNSUPPORTED, "%s: %d inputs and %d outputs, at most %d are served",
                    path, s->info->n_inputs, s->info->n_outputs, WIRE_INPUTS);
        else if (!sessions_measure(s->model, &row_ns, err)) {
            s->row_ns = row_ns;
            s->modified = st.st_mtim;
            s->file_size = st.st_size;
            s->inode = st.st_ino;
            s->load_ms = (double)(now_ns() - start) * 1e-6;
            metrics_count(METRIC_LOADED, 1);
            log_line(LOG_INFO, "model", "%s version %lld from %s in %.1f ms, %.3f ms a sample",
                     name, (long long)version, path, s->load_ms, (double)row_ns * 1e-6);
            return s;
        }
    } else if (!s->stats) {
        ax_fail(err, AX_ENOMEM, "out of memory");
    }
    metrics_count(METRIC_LOAD_FAILED, 1);
    served_release(s);
    return NULL;
}

static served *same_file(const model_set *set, const found *f)
{
    for (int i = 0; set && i < set->n; i++) {
        served *s = set->item[i];
        if (s->version == f->version && !strcmp(s->name, f->name) && !strcmp(s->path, f->path) &&
            s->inode == f->st.st_ino && s->file_size == f->st.st_size &&
            s->modified.tv_sec == f->st.st_mtim.tv_sec &&
            s->modified.tv_nsec == f->st.st_mtim.tv_nsec)
            return s;
    }
    return NULL;
}

static served *same_version(const model_set *set, const char *name, int64_t version)
{
    for (int i = 0; set && i < set->n; i++)
        if (set->item[i]->version == version && !strcmp(set->item[i]->name, name))
            return set->item[i];
    return NULL;
}

static void report_failure(repository_report *report, const found *f, const ax_err *err)
{
    buf *b = &report->failures;
    if (report->failed++)
        buf_char(b, ',');
    buf_str(b, "{\"name\":");
    buf_json(b, f->name);
    buf_printf(b, ",\"version\":%lld,\"state\":\"failed\",\"error\":", (long long)f->version);
    buf_json(b, err->msg);
    buf_char(b, '}');
    log_line(LOG_ERROR, "model", "%s version %lld: %s%s%s", f->name, (long long)f->version,
             err->msg, err->hint[0] ? "; " : "", err->hint);
}

static int is_there(served *const *items, int n, const served *s)
{
    for (int i = 0; i < n; i++)
        if (items[i]->version == s->version && !strcmp(items[i]->name, s->name))
            return 1;
    return 0;
}

/* The set that the folder describes, as far as its files can be opened; where one cannot, what was
 * served under its name and version stays. */
static int load_found(repository *r, const scan *s, repository_report *report)
{
    model_set *old = set_acquire(r);
    served **items = calloc((size_t)s->n + 1, sizeof *items);
    int n = 0, result = -1;
    for (int i = 0; items && i < s->n; i++) {
        ax_err err;
        served *kept = same_file(old, &s->file[i]), *m = kept;
        if (kept) {
            served_acquire(kept);
            report->kept++;
        } else if ((m = open_served(s->file[i].name, s->file[i].version, s->file[i].path, &err))) {
            report->loaded++;
        } else {
            report_failure(report, &s->file[i], &err);
            if ((m = same_version(old, s->file[i].name, s->file[i].version)))
                served_acquire(m);
        }
        if (m)
            items[n++] = m;
    }
    if (items) {
        for (int i = 0; old && i < old->n; i++)
            report->removed += !is_there(items, n, old->item[i]);
        buf_char(&report->failures, 0);
        result = report->failures.failed ? -1 : set_publish(r, items, n, report->failures.data);
        report->failures.len--;
    }
    for (int i = 0; i < n; i++)
        served_release(items[i]);
    free(items);
    set_release(old);
    return result;
}

int repository_load(repository *r, repository_report *report)
{
    scan s = {0};
    place p = {.s = &s};
    memset(report, 0, sizeof *report);
    if (each_entry(r->folder, look_at_model, &p) < 0) {
        ax_err err;
        found f = {.version = 0};
        ax_fail(&err, AX_EIO, "the models folder %s cannot be read: %s", r->folder,
                strerror(errno));
        report_failure(report, &f, &err);
        if (!r->set)
            set_publish(r, NULL, 0, report->failures.data);
    } else if (load_found(r, &s, report) < 0) {
        report->failed++;
        log_line(LOG_ERROR, "models", "out of memory");
    }
    free(s.file);
    return report->failed;
}

/* ---- putting and removing
 * ------------------------------------------------------------------------- */

/* The set without the versions that `drop` chooses and with `more` (may be NULL). */
static int change(repository *r, const char *name, int64_t version, served *more, int *dropped)
{
    model_set *old = set_acquire(r);
    int n = 0, total = old ? old->n : 0;
    served **items = calloc((size_t)total + 1, sizeof *items);
    for (int i = 0; items && i < total; i++) {
        served *s = old->item[i];
        if (name && !strcmp(s->name, name) && (!version || s->version == version))
            ++*dropped;
        else
            items[n++] = s;
    }
    if (items && more)
        items[n++] = more;
    int result = items ? set_publish(r, items, n, old ? old->failures : NULL) : -1;
    free(items);
    set_release(old);
    return result;
}

static int64_t next_version(repository *r, const char *name)
{
    scan s = {0};
    place p = {.s = &s};
    int64_t last = 0;
    each_entry(r->folder, look_at_model, &p);
    for (int i = 0; i < s.n; i++)
        if (!strcmp(s.file[i].name, name) && s.file[i].version > last)
            last = s.file[i].version;
    free(s.file);
    return last + 1;
}

static int io_problem(problem *why, const char *what, const char *path)
{
    int status = errno == EROFS || errno == EACCES || errno == EPERM ? 403 : 500;
    return problem_set(why, status, status == 403 ? "read_only" : "io_error", "%s %s: %s", what,
                       path, strerror(errno));
}

/* Move the upload to its place, so that it is there in full or not at all. */
static int install(const char *temp, const char *folder, const char *name, int64_t version,
                   const char *format, char *path, problem *why)
{
    char dir[PATH];
    if (snprintf(dir, sizeof dir, "%s/%s", folder, name) >= PATH - 64)
        return problem_set(why, 500, "io_error", "the path of the models folder is too long");
    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return io_problem(why, "cannot make", dir);
    snprintf(dir + strlen(dir), 32, "/%lld", (long long)version);
    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return io_problem(why, "cannot make", dir);
    int n = snprintf(path, PATH, "%s/model.%s", dir, format);
    if (n >= PATH || chmod(temp, 0644) < 0 || rename(temp, path) < 0) {
        io_problem(why, "cannot make", path);
        rmdir(dir);
        return -1;
    }
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    return 0;
}

int repository_put(repository *r, const char *name, const char *temp, served **out, problem *why)
{
    ax_err err;
    char path[PATH];
    int64_t version = next_version(r, name);
    int dropped = 0;
    served *s = open_served(name, version, temp, &err);
    if (!s) {
        problem_from(why, &err);
        if (why->status == 400)
            why->status = 422; /* the request is well formed, the file in it is not */
        return -1;
    }
    if (install(temp, r->folder, name, version, s->info->format, path, why) < 0) {
        served_release(s);
        return -1;
    }
    char *copy = strdup(path);
    if (copy) {
        free(s->path);
        s->path = copy;
    }
    if (!copy || change(r, NULL, 0, s, &dropped) < 0) {
        unlink(path);
        served_release(s);
        return problem_set(why, 503, "out_of_memory", "out of memory");
    }
    *out = s;
    return 0;
}

int repository_remove(repository *r, const char *name, int64_t version, int *removed, problem *why)
{
    model_set *set = set_acquire(r);
    *removed = 0;
    int result = 0, known = 0;
    for (int i = 0; set && i < set->n && !result; i++) {
        served *s = set->item[i];
        if (strcmp(s->name, name) || (version && s->version != version))
            continue;
        known++;
        if (unlink(s->path) < 0 && errno != ENOENT)
            result = io_problem(why, "cannot remove", s->path);
        char *slash = strrchr(s->path, '/');
        char dir[PATH];
        snprintf(dir, sizeof dir, "%.*s", (int)(slash - s->path), s->path);
        if (!result && strcmp(dir, r->folder)) {
            rmdir(dir); /* the version's folder, and the model's when it was the last */
            *strrchr(dir, '/') = 0;
            if (strcmp(dir, r->folder))
                rmdir(dir);
        }
    }
    set_release(set);
    if (!known) {
        served *s = repository_acquire(r, name, version, why);
        served_release(s);
        return -1;
    }
    if (result)
        return -1;
    return change(r, name, version, NULL, removed) < 0
               ? problem_set(why, 503, "out_of_memory", "out of memory")
               : 0;
}
