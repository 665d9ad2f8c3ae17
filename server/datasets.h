/* datasets.h - the data sets that were put here: their folder, their quota, and how a job gets hold
 * of one (docs/datasets.md).
 *
 * STATE/datasets/NAME/set.json is a data set: it names its files and is replaced by one rename. All
 * changes are made on one thread of its own; a set.json is whole at every moment, so anybody reads.
 */
#ifndef SERVER_DATASETS_H
#define SERVER_DATASETS_H

#include "request.h"

typedef struct datasets datasets;

enum { DATASET_PATH = 4096, DATASETS_MAX = 1000 }; /* how many sets there may be */

/* NULL with err. What an earlier server left is swept when the state folder is claimed already. */
datasets *datasets_new(app *a, ax_err *err);
void datasets_free(datasets *s); /* NULL is fine */
/* Remove what an earlier server left half done, and count. Only who has claimed the state folder
 * may, before it writes there itself. */
void datasets_sweep(datasets *s);

const char *datasets_folder(const datasets *s);

/* 0 when a data set may be called so; -1 with why, 400. */
int datasets_check_name(const char *name, problem *why);

/* Set room aside for the body of r: `bytes` in all, until the request is over. -1 with r->why, 507.
 * Thread-safe. */
int datasets_reserve(request *r, int64_t bytes);
void datasets_unreserve(request *r);
/* Room that is neither kept nor set aside, and how much is kept: by the sets, and by jobs that may
 * be resumed where the set is another by now. Not on an event loop. */
int64_t datasets_room(datasets *s);
int64_t datasets_kept(datasets *s);
/* A job has let go of its data: count again when somebody wants to know. Thread-safe; NULL is fine.
 */
void datasets_let_go_of_job(datasets *s);

/* STATE/datasets/NAME[/file] into path: 0, or -1 when it is too long. */
int datasets_path(const datasets *s, const char *name, const char *file, char path[DATASET_PATH]);

/* What set.json says, to be freed; NULL: there is no such set. Thread-safe. */
cJSON *datasets_read(const datasets *s, const char *name);

/* The names of all sets in a folder, ours or that of --data. Thread-safe. */
char **datasets_names(const char *folder, int *n);
void datasets_free_names(char **names, int n);

/* The set most like a name that is none, "" : none is; thread-safe. */
void datasets_nearest(const datasets *s, const char *name, char out[65]);

/* ---- on the thread of the data sets */

/* Run fn(r) there; it must answer. */
void datasets_submit(request *r, void (*fn)(request *r));

/* The set is now this: `source` names files that are in its folder already; all other files but
 * waiting parts go. source and about are taken over. -1 with why, and the old set stays. */
int datasets_commit(datasets *s, const char *name, cJSON *source, cJSON *about, problem *why);

/* Is there such a folder? Then it goes. -1 with why when it does not. */
int datasets_remove(datasets *s, const char *name, problem *why);

/* Files were put or removed: count again. */
void datasets_count(datasets *s);

/* ---- for jobs: dataset_hold.c. Thread-safe. */

/* Links to the files of a set, as FOLDER/NAME, so that nothing that happens to the set changes
 * them. The folder is made when `folder` is "". A set that there is none of is not held; -1 with
 * r->why. */
int datasets_hold(request *r, const char *name, char folder[DATASET_PATH]);
int datasets_holds(const char *folder, const char *name);
void datasets_let_go(const char *folder);
/* The same links once more, as TO/NAME, on the disk when this returns. -1 with err and errno. */
int datasets_share(const char *folder, const char *name, const char *to, ax_err *err);
/* An empty folder for what a job that is not accepted yet needs. 0, or -1 with errno. */
int datasets_new_hold(const app *a, char folder[DATASET_PATH]);
void datasets_sweep_holds(const app *a); /* of a server that was killed */

/* ---- for dataset_hold.c */

/* While it is locked the files that a set.json names are there. */
void datasets_lock(datasets *s);
void datasets_unlock(datasets *s);
/* Call fn for each file that the set names, until one call is not 0. */
int datasets_each_file(const cJSON *set, int (*fn)(const char *file, void *ctx), void *ctx);
/* 0; -1 with errno. */
int datasets_path_of(char path[DATASET_PATH], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int datasets_sync(const char *folder);
/* Give a file a name that no other has; the XXXXXX at the end of `to` is filled in. 0, or -1 with
 * errno and nothing left open or lying about. */
int datasets_rename(const char *from, char *to);

#endif
