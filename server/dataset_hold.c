/* dataset_hold.c - how a job keeps the data it was accepted with; see datasets.h and
 * docs/datasets.md.
 *
 * While its spec is checked the links lie in a folder of their own, STATE/jobs/hold-XXXXXX. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets.h"
#include "log.h"

#define HOLD "hold-"

/* ---- links
 * --------------------------------------------------------------------------------------- */

typedef struct holding {
    const datasets *sets;
    const char *name, *to;
} holding;

static int hold_file(const char *file, void *ctx)
{
    const holding *h = ctx;
    char from[DATASET_PATH], to[DATASET_PATH];
    return !file || datasets_path(h->sets, h->name, file, from) ||
                   datasets_path_of(to, "%s/%s/%s", h->to, h->name, file)
               ? -1
               : ax_file_link(from, to);
}

/* ---- while the spec is checked
 * --------------------------------------------------------------------- */

int datasets_new_hold(const app *a, char folder[DATASET_PATH])
{
    if (!datasets_path_of(folder, "%s/jobs", a->cfg.state) && !ax_make_folder(folder, NULL) &&
        !datasets_path_of(folder, "%s/jobs/" HOLD "XXXXXX", a->cfg.state) && mkdtemp(folder))
        return 0;
    folder[0] = 0;
    return -1;
}

/* The folder, when there is none yet, and NAME in it. */
static int make_hold(const request *r, const char *name, char folder[DATASET_PATH])
{
    char inner[DATASET_PATH];
    if (!folder[0] && datasets_new_hold(r->app, folder) < 0)
        return -1;
    return datasets_path_of(inner, "%s/%s", folder, name) || mkdir(inner, 0777) < 0 ? -1 : 0;
}

int datasets_holds(const char *folder, const char *name)
{
    char path[DATASET_PATH];
    return folder[0] && ax_name_ok(name) &&
           !datasets_path_of(path, "%s/%s/set.json", folder, name) && !access(path, F_OK);
}

int datasets_hold(request *r, const char *name, char folder[DATASET_PATH])
{
    datasets *s = r->app->sets;
    holding h = {s, name, folder};
    if (datasets_holds(folder, name))
        return 0;
    errno = 0;
    datasets_lock(s);
    cJSON *set = datasets_read(s, name);
    int bad = set && (make_hold(r, name, folder) || datasets_each_file(set, hold_file, &h) ||
                      hold_file("set.json", &h));
    int e = errno;
    datasets_unlock(s);
    cJSON_Delete(set);
    return bad ? problem_from_errno(&r->why, e ? e : EIO, "the data set cannot be kept for the job")
               : 0;
}

void datasets_let_go(const char *folder)
{
    if (ax_remove_tree(folder) < 0)
        log_line(LOG_WARN, "datasets", "%s cannot be removed: %s", folder, strerror(errno));
}

void datasets_sweep_holds(const app *a)
{
    struct dirent **list;
    char path[DATASET_PATH];
    int n = datasets_path_of(path, "%s/jobs", a->cfg.state) ? -1 : scandir(path, &list, NULL, NULL);
    for (int i = 0; i < n; i++) {
        if (!strncmp(list[i]->d_name, HOLD, sizeof HOLD - 1) &&
            !datasets_path_of(path, "%s/jobs/%s", a->cfg.state, list[i]->d_name))
            datasets_let_go(path);
        free(list[i]);
    }
    if (n >= 0)
        free(list);
}

/* ---- when it is a job
 * -------------------------------------------------------------------------------- */

int datasets_share(const char *folder, const char *name, const char *to, ax_err *err)
{
    char from[DATASET_PATH], inner[DATASET_PATH], a[DATASET_PATH], b[DATASET_PATH];
    struct dirent **list;
    if (datasets_path_of(from, "%s/%s", folder, name) || datasets_path_of(inner, "%s/%s", to, name))
        return ax_fail(err, AX_ELIMIT, "the name of the state folder is too long");
    if (ax_make_folder(inner, err) < 0)
        return -1;
    int n = scandir(from, &list, NULL, NULL), bad = n < 0;
    for (int i = 0; i < n; i++) {
        const char *file = list[i]->d_name;
        bad = bad ||
              (*file != '.' && (datasets_path_of(a, "%s/%s", from, file) ||
                                datasets_path_of(b, "%s/%s", inner, file) || ax_file_link(a, b)));
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    if (!bad && !datasets_sync(inner) && !datasets_sync(to))
        return 0;
    return ax_fail(err, AX_EIO, "the data set cannot be kept: %s", strerror(errno));
}
