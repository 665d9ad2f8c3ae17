/* datasets.c - see datasets.h. */
#include "datasets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handlers.h"
#include "log.h"
#include "repository.h"
#include "state.h"

#define PART "part-" /* of an IDX pair, waiting: not in set.json yet */

enum { SET_BYTES = 64 << 20, BLOCK = 4096 };

struct datasets {
    app *app;
    workers *thread;
    char folder[DATASET_PATH];
    pthread_mutex_t lock; /* between a set.json and the files it names, for who needs both */
    _Atomic int64_t kept;
    _Atomic int n;
    _Atomic int stale;        /* a job has let go of its links since they were counted */
    pthread_mutex_t counting; /* one at a time                                          */
};

/* ---- paths
 * --------------------------------------------------------------------------------------- */

int datasets_path_of(char path[DATASET_PATH], const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(path, DATASET_PATH, fmt, ap);
    va_end(ap);
    return n < DATASET_PATH ? 0 : (errno = ENAMETOOLONG, -1);
}

int datasets_path(const datasets *s, const char *name, const char *file, char path[DATASET_PATH])
{
    return file ? datasets_path_of(path, "%s/%s/%s", s->folder, name, file)
                : datasets_path_of(path, "%s/%s", s->folder, name);
}

const char *datasets_folder(const datasets *s)
{
    return s->folder;
}

int datasets_check_name(const char *name, problem *why)
{
    if (ax_name_ok(name))
        return 0;
    problem_set(why, 400, "bad_name", "'%.64s' cannot be the name of a data set", name);
    snprintf(why->err.at, sizeof why->err.at, "name");
    problem_expect(why, "\"" AX_NAME_RULE "\"");
    return -1;
}

int datasets_rename(const char *from, char *to)
{
    int fd = mkostemp(to, O_CLOEXEC);
    if (fd < 0)
        return -1;
    close(fd);
    if (rename(from, to) == 0)
        return 0;
    int e = errno;
    unlink(to);
    errno = e;
    return -1;
}

int datasets_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int bad = fd < 0 || fsync(fd) < 0;
    if (fd >= 0)
        close(fd);
    return bad ? -1 : 0;
}

/* ---- set.json
 * ------------------------------------------------------------------------------------ */

cJSON *datasets_read(const datasets *s, const char *name)
{
    char path[DATASET_PATH];
    size_t n;
    char *text = ax_name_ok(name) && !datasets_path(s, name, "set.json", path)
                     ? ax_file_read(path, SET_BYTES, &n, NULL)
                     : NULL;
    cJSON *set = text ? ax_json_parse(text, n, NULL) : NULL;
    free(text);
    return set;
}

int datasets_each_file(const cJSON *set, int (*fn)(const char *file, void *ctx), void *ctx)
{
    const cJSON *source = cJSON_GetObjectItemCaseSensitive(set, "source"), *o, *e;
    int stop = 0;
    cJSON_ArrayForEach(o, source)
    {
        int is_file = strcmp(o->string, "label") && strcmp(o->string, "missing");
        if (cJSON_IsString(o) && is_file && !stop)
            stop = fn(o->valuestring, ctx);
        if (cJSON_IsArray(o))
            cJSON_ArrayForEach(e, o) stop = stop ? stop : fn(cJSON_GetStringValue(e), ctx);
    }
    return stop;
}

static int is_same(const char *file, void *ctx)
{
    return file && !strcmp(file, ctx);
}

/* Remove what the set does not name; true when something is left. */
static int tidy(const datasets *s, const char *name, const cJSON *set)
{
    char folder[DATASET_PATH], path[DATASET_PATH];
    struct dirent **list;
    int left = 0,
        n = datasets_path(s, name, NULL, folder) ? -1 : scandir(folder, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char *file = list[i]->d_name;
        int ours = strcmp(file, ".") && strcmp(file, "..");
        int wanted = !strncmp(file, PART, sizeof PART - 1) ||
                     (set && (!strcmp(file, "set.json") || datasets_each_file(set, is_same, file)));
        if (ours && !wanted && !datasets_path_of(path, "%s/%s", folder, file))
            unlink(path);
        left |= ours && wanted;
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return left;
}

static int is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The folders in a folder that may be sets. */
static char **list_folders(const char *folder, int *n)
{
    struct dirent **list;
    int found = scandir(folder, &list, NULL, alphasort);
    char **names = calloc((size_t)(found > 0 ? found : 0) + 1, sizeof *names), path[DATASET_PATH];
    *n = 0;
    for (int i = 0; i < found; i++) {
        const char *name = list[i]->d_name;
        if (names && ax_name_ok(name) && !datasets_path_of(path, "%s/%s", folder, name) &&
            is_dir(path) && (names[*n] = strdup(name)))
            ++*n;
        free(list[i]);
    }
    if (found >= 0)
        free(list);
    return names;
}

void datasets_free_names(char **names, int n)
{
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

char **datasets_names(const char *folder, int *n)
{
    char path[DATASET_PATH];
    int all, kept = 0;
    char **names = list_folders(folder, &all);
    for (int i = 0; names && i < all; i++)
        if (!datasets_path_of(path, "%s/%s/set.json", folder, names[i]) && !access(path, F_OK))
            names[kept++] = names[i];
        else
            free(names[i]);
    *n = names ? kept : 0;
    return names;
}

void datasets_nearest(const datasets *s, const char *name, char out[65])
{
    int n;
    char **names = datasets_names(s->folder, &n);
    const char **all = calloc((size_t)n + 64, sizeof *all), *near = NULL;
    int m = 0;
    for (int i = 0; all && i < n; i++)
        all[m++] = names[i];
    for (int i = 0; all && i < 64 && (all[m] = ax_dataset_installed(i)); i++)
        m++;
    if (all)
        near = ax_nearest(name, all, m);
    snprintf(out, 65, "%s", near ? near : "");
    free(all);
    datasets_free_names(names, n);
}

/* ---- the quota
 * ----------------------------------------------------------------------------------- */

/* Files by their inodes: links to one, of a set and of the jobs that learn from it, count once. */
typedef struct inodes {
    struct inode {
        ino_t number;
        int64_t size;
    } * at;
    size_t n, cap;
} inodes;

static void add_inode(inodes *all, const struct stat *st)
{
    if (all->n == all->cap) {
        size_t cap = all->cap ? 2 * all->cap : 256;
        struct inode *more = realloc(all->at, cap * sizeof *more);
        if (!more)
            return;
        all->at = more;
        all->cap = cap;
    }
    all->at[all->n++] = (struct inode){st->st_ino, st->st_size};
}

static void add_files(inodes *all, const char *folder)
{
    char path[DATASET_PATH];
    struct stat st;
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (!datasets_path_of(path, "%s/%s", folder, e->d_name) && lstat(path, &st) == 0 &&
            S_ISREG(st.st_mode))
            add_inode(all, &st);
    if (d)
        closedir(d);
}

/* What is in the folders of a folder. Gives how many there are. */
static int add_sets(inodes *all, const char *folder)
{
    int n;
    char **names = list_folders(folder, &n), path[DATASET_PATH];
    for (int i = 0; i < n; i++)
        if (!datasets_path_of(path, "%s/%s", folder, names[i]))
            add_files(all, path);
    datasets_free_names(names, n);
    return n;
}

/* A job that was not finished well keeps its data, also when the set is gone. */
static void add_jobs(inodes *all, const app *a)
{
    char path[DATASET_PATH];
    DIR *d = datasets_path_of(path, "%s/jobs", a->cfg.state) ? NULL : opendir(path);
    for (const struct dirent *e; d && (e = readdir(d));)
        if (e->d_name[0] != '.' &&
            !datasets_path_of(path, "%s/jobs/%s/data", a->cfg.state, e->d_name))
            add_sets(all, path);
    if (d)
        closedir(d);
}

static int by_number(const void *a, const void *b)
{
    const struct inode *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

void datasets_count(datasets *s)
{
    inodes all = {NULL, 0, 0};
    int64_t bytes = 0;
    pthread_mutex_lock(&s->counting);
    atomic_store(&s->stale, 0);
    int n = add_sets(&all, s->folder);
    add_jobs(&all, s->app);
    if (all.n)
        qsort(all.at, all.n, sizeof *all.at, by_number);
    for (size_t i = 0; i < all.n; i++)
        if (!i || all.at[i].number != all.at[i - 1].number)
            bytes += all.at[i].size;
    free(all.at);
    atomic_store(&s->kept, bytes);
    atomic_store(&s->n, n);
    pthread_mutex_unlock(&s->counting);
}

void datasets_let_go_of_job(datasets *s)
{
    if (s)
        atomic_store(&s->stale, 1);
}

static void recount(datasets *s)
{
    if (atomic_load(&s->stale))
        datasets_count(s);
}

int64_t datasets_kept(datasets *s)
{
    recount(s);
    return atomic_load(&s->kept);
}

int64_t datasets_room(datasets *s)
{
    recount(s);
    int64_t room =
        s->app->cfg.max_datasets - atomic_load(&s->kept) - atomic_load(&s->app->arriving);
    return room > 0 ? room : 0;
}

int datasets_reserve(request *r, int64_t bytes)
{
    datasets *s = r->app->sets;
    int64_t more = bytes - r->reserved, most = r->app->cfg.max_datasets;
    if (more <= 0)
        return 0;
    if (!r->reserved && atomic_load(&s->n) >= DATASETS_MAX && !datasets_known(r->app, r->param[0]))
        return problem_set(&r->why, 507, "quota",
                           "there are %d data sets already, the most there may be", DATASETS_MAX);
    int64_t all = atomic_fetch_add(&s->app->arriving, more) + more;
    if (all + atomic_load(&s->kept) > most)
        recount(s);
    if (all + atomic_load(&s->kept) <= most) {
        r->reserved = bytes;
        return 0;
    }
    atomic_fetch_sub(&s->app->arriving, more);
    problem_set(&r->why, 507, "quota",
                "the data sets here, and those that are arriving, would take more than the %lld "
                "bytes set aside for them",
                (long long)most);
    problem_expect(&r->why, "%lld", (long long)most);
    return ax_err_hint(
        &r->why.err, "DELETE /datasets/NAME makes room, also before a set is replaced, and DELETE "
                     "/jobs/ID of jobs that failed and keep theirs; --max-datasets sets the bound");
}

void datasets_unreserve(request *r)
{
    atomic_fetch_sub(&r->app->arriving, r->reserved);
    r->reserved = 0;
}

void datasets_lock(datasets *s)
{
    pthread_mutex_lock(&s->lock);
}

void datasets_unlock(datasets *s)
{
    pthread_mutex_unlock(&s->lock);
}

/* ---- changes
 * ------------------------------------------------------------------------------------- */

void datasets_submit(request *r, void (*fn)(request *r))
{
    request_offload(r, r->app->sets->thread, fn);
}

static int write_set(const char *path, const cJSON *set, ax_err *err)
{
    char *text = ax_json_text(set, 0);
    if (!text)
        return ax_fail(err, AX_ENOMEM, "out of memory");
    int bad = ax_file_write(path, text, strlen(text), err);
    cJSON_free(text);
    return bad;
}

int datasets_commit(datasets *s, const char *name, cJSON *source, cJSON *about, problem *why)
{
    char path[DATASET_PATH];
    ax_err err;
    cJSON *set = cJSON_CreateObject();
    int bad = ax_json_put(set, "source", source);
    bad |= ax_json_put(set, "about", about);
    errno = 0;
    if (bad) {
        problem_set(why, 503, "out_of_memory", "out of memory");
    } else if ((bad = datasets_path(s, name, "set.json", path) || datasets_sync(s->folder)) != 0) {
        problem_from_errno(why, errno, "the data set cannot be stored");
    } else {
        datasets_lock(s);
        if ((bad = write_set(path, set, &err)) != 0) {
            log_line(LOG_ERROR, "datasets", "%s", err.msg);
            problem_from_errno(why, errno ? errno : EIO, "the data set cannot be stored");
        }
        cJSON *now = datasets_read(s, name); /* the old one, when that failed */
        tidy(s, name, now);
        cJSON_Delete(now);
        datasets_unlock(s);
    }
    if (bad && !datasets_path(s, name, NULL, path))
        rmdir(path); /* of a set that was to be new */
    cJSON_Delete(set);
    datasets_count(s);
    return bad ? -1 : 0;
}

int datasets_remove(datasets *s, const char *name, problem *why)
{
    char folder[DATASET_PATH], path[DATASET_PATH];
    if (datasets_path(s, name, NULL, folder) || datasets_path(s, name, "set.json", path))
        return problem_from_errno(why, errno, "the data set cannot be removed");
    datasets_lock(s);
    int bad = (unlink(path) < 0 && errno != ENOENT) || ax_remove_tree(folder) < 0;
    int e = errno;
    datasets_unlock(s);
    datasets_count(s);
    if (bad)
        return problem_from_errno(why, e, "the data set cannot be removed");
    datasets_sync(s->folder);
    return 0;
}

/* ---- begin and end
 * --------------------------------------------------------------------------------- */

void datasets_sweep(datasets *s)
{
    int n;
    char path[DATASET_PATH];
    repository_sweep(s->folder);
    char **names = list_folders(s->folder, &n);
    for (int i = 0; i < n; i++) {
        cJSON *set = datasets_read(s, names[i]);
        int unread = !set && !datasets_path(s, names[i], "set.json", path) && !access(path, F_OK);
        if (unread)
            log_line(LOG_ERROR, "datasets", "%s is damaged: the data set '%s' is left out", path,
                     names[i]);
        else if (!tidy(s, names[i], set) && !datasets_path(s, names[i], NULL, path))
            rmdir(path);
        cJSON_Delete(set);
    }
    datasets_free_names(names, n);
    datasets_sweep_holds(s->app);
    datasets_count(s);
}

datasets *datasets_new(app *a, ax_err *err)
{
    datasets *s = calloc(1, sizeof *s);
    if (!s) {
        ax_fail(err, AX_ENOMEM, "out of memory");
        return NULL;
    }
    s->app = a;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->counting, NULL);
    if (datasets_path_of(s->folder, "%s/datasets", a->cfg.state) < 0)
        ax_fail(err, AX_ELIMIT, "--state: the name of the folder is too long");
    else
        s->thread = workers_new(1, "datasets", err);
    if (!s->thread) {
        datasets_free(s);
        return NULL;
    }
    if (state_is_claimed(a))
        datasets_sweep(s);
    return s;
}

void datasets_free(datasets *s)
{
    if (!s)
        return;
    workers_free(s->thread);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->counting);
    free(s);
}
