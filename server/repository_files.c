/* repository_files.c - models from the folder and back: loading, putting, removing.
 *
 * Runs on the admin thread only, so there is one change at a time. A file is opened, checked by its
 * own self-test and run once before anybody sees it; a file that did not change since it was opened
 * is kept as it is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "repository_set.h"

/* ---- loading ------------------------------------------------------------------------------------
 */

/* The file as a version of a model, tried once. `path` is kept; err does not name it. */
static served *open_served(const char *name, int64_t version, const char *path, ax_err *err)
{
    served *s = calloc(1, sizeof *s);
    struct stat st;
    int64_t start = now_ns(), row_ns;
    if (!s || !(s->path = strdup(path)) || !(s->stats = metrics_model(name))) {
        free(s ? s->path : NULL);
        free(s);
        ax_fail(err, AX_ENOMEM, "out of memory");
        return NULL;
    }
    s->refs = 1;
    snprintf(s->name, sizeof s->name, "%s", name);
    s->version = version;
    runner_init(&s->runner, s);
    if (stat(path, &st) < 0)
        ax_fail(err, AX_EIO, "the file cannot be read: %s", strerror(errno));
    else
        s->model = ax_model_read(path, err);
    if (s->model) {
        s->info = ax_model_get_info(s->model);
        if (s->info->n_inputs > WIRE_INPUTS || s->info->n_outputs > WIRE_OUTPUTS)
            ax_fail(err, AX_EUNSUPPORTED, "%d inputs and %d outputs, at most %d are served",
                    s->info->n_inputs, s->info->n_outputs, WIRE_INPUTS);
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

/* f->path is below the folder, or the folder itself. */
static void report_failure(const repository *r, repository_report *report, const found *f,
                           const ax_err *err)
{
    buf *b = &report->failures;
    problem why;
    problem_from_file(&why, err);
    if (report->failed++)
        buf_char(b, ',');
    buf_str(b, "{\"name\":");
    buf_json(b, f->name);
    buf_printf(b, ",\"version\":%lld,\"state\":\"failed\",\"file\":", (long long)f->version);
    buf_json(b, f->path + strlen(r->folder) + (f->path[strlen(r->folder)] == '/'));
    buf_char(b, ',');
    problem_fields(&why, b);
    buf_char(b, '}');
    log_line(LOG_ERROR, "model", "%s: %s%s%s%s%s%s", f->path, err->msg, err->at[0] ? " (at " : "",
             err->at, err->at[0] ? ")" : "", err->hint[0] ? "; " : "", err->hint);
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
            report_failure(r, report, &s->file[i], &err);
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
    memset(report, 0, sizeof *report);
    if (scan_folder(r->folder, &s) < 0) {
        ax_err err;
        found f = {.version = 0};
        snprintf(f.path, sizeof f.path, "%s", r->folder);
        ax_fail(&err, AX_EIO, "the models folder cannot be read: %s", strerror(s.failed));
        report_failure(r, report, &f, &err);
        buf_char(&report->failures, 0);
        report->failures.len--;
        if (!r->set && !report->failures.failed)
            set_publish(r, NULL, 0, report->failures.data);
    } else if (load_found(r, &s, report) < 0) {
        report->failed++;
        log_line(LOG_ERROR, "models", "out of memory");
    }
    scan_free(&s);
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
    scan s = {.quiet = 1};
    int64_t last = 0;
    scan_folder(r->folder, &s);
    for (int i = 0; i < s.n; i++)
        if (!strcmp(s.file[i].name, name) && s.file[i].version > last)
            last = s.file[i].version;
    scan_free(&s);
    return last + 1;
}

/* The path is for the log: a client has no business with it. */
static int io_problem(problem *why, const char *what, const char *path)
{
    problem_from_errno(why, errno, what);
    log_line(LOG_ERROR, "models", "%s: %s", path, why->err.msg);
    return -1;
}

/* Move the upload to its place, so that it is there in full or not at all. */
static int install(const char *temp, const char *folder, const char *name, int64_t version,
                   const char *format, char *path, problem *why)
{
    static const char what[] = "the model cannot be stored";
    char dir[REPOSITORY_PATH];
    errno = ENAMETOOLONG;
    if (snprintf(dir, sizeof dir, "%s/%s", folder, name) >= REPOSITORY_PATH - 64)
        return io_problem(why, what, dir);
    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return io_problem(why, what, dir);
    snprintf(dir + strlen(dir), 32, "/%lld", (long long)version);
    if (mkdir(dir, 0777) < 0 && errno != EEXIST)
        return io_problem(why, what, dir);
    int n = snprintf(path, REPOSITORY_PATH, "%s/model.%s", dir, format);
    if (n >= REPOSITORY_PATH || chmod(temp, 0644) < 0 || rename(temp, path) < 0) {
        io_problem(why, what, path);
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
    char path[REPOSITORY_PATH];
    int64_t version = next_version(r, name);
    int dropped = 0;
    served *s = open_served(name, version, temp, &err);
    if (!s) {
        problem_from_file(why, &err);
        if (why->status == 500) {
            log_line(LOG_ERROR, "models", "%s: %s", temp, err.msg);
            problem_set(why, 500, "io_error", "the upload cannot be read back from the disk");
        }
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
            result = io_problem(why, "the model's file cannot be removed", s->path);
        char *slash = strrchr(s->path, '/');
        char dir[REPOSITORY_PATH];
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
