/* repository.h - the models folder, as the set of model versions that are served.
 *
 *     name.safetensors                    version 1 of "name"
 *     name/<version>/<file>.safetensors   that version; the highest one answers when none is named
 *
 * Readers take a reference to one version and keep it as long as they need it, whatever happens to
 * the folder meanwhile. Everything that changes the set (load, put, remove) runs on one thread; it
 * builds a new set and swaps it in, so a change is seen whole or not at all, and a file that cannot
 * be opened leaves the version that is served in place. */
#ifndef SERVER_REPOSITORY_H
#define SERVER_REPOSITORY_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "batcher.h"
#include "buf.h"
#include "metrics.h"
#include "problem.h"

typedef struct served {
    char name[65];
    int64_t version;
    ax_model *model;
    const ax_model_info *info;
    char *path;
    struct timespec modified; /* with size and inode: is the file still the one that was opened? */
    int64_t file_size;
    uint64_t inode;
    double load_ms;
    model_stats *stats;
    _Atomic int64_t row_ns; /* measured time of one sample, falling average         */
    _Atomic int retired;    /* no longer in the set: let go of sessions             */
    _Atomic int refs;
    runner runner; /* batches computed by workers                          */
} served;

typedef struct repository repository;

/* Remove what an earlier server, killed while it received an upload, left in the folder. */
void repository_sweep(const char *folder);

/* default_model may be NULL. Opens nothing yet. */
repository *repository_new(const char *folder, const char *default_model, ax_err *err);
void repository_free(repository *r);

/* One version, with a reference; name NULL: the default; version 0: the highest. NULL with why
 * (404, 503 while loading). Thread-safe, never blocks for long. */
served *repository_acquire(repository *r, const char *name, int64_t version, problem *why);
void served_release(served *s);
served *served_acquire(served *s);

int repository_count(const repository *r);
const char *repository_folder(const repository *r);

/* What the default name is now, "" when there is none; into out. */
void repository_default(repository *r, char *out, size_t size);

/* All versions, with references, sorted by name and version; release each, then free the array. */
served **repository_list(repository *r, int *n);

/* "17" -> 17; 0 when it is not the number of a version: 1 to 18 digits without a leading zero. */
int64_t repository_version(const char *s);

/* Say so: 404. Always -1. */
int repository_no_version(const char *s, problem *why);

/* 0 when a model may be called so; -1 with why, 400. */
int repository_check_name(const char *name, problem *why);

/* Is there a file for --default-model? 0: yes, or none is set; 1: the folder has no models yet, so
 * it may still come; -1 with err: there are models and none has this name, which is a mistake in
 * the name. Before the first load. */
int repository_check_default(const repository *r, ax_err *err);

/* ---- on the admin thread ----------------------------------------------------------------------
 */

/* Look at the folder and make the set what it says. The counts, and the failures as JSON objects
 * separated by commas, go to the report. Returns the number of failures. */
typedef struct repository_report {
    int kept, loaded, removed, failed;
    buf failures;
} repository_report;
int repository_load(repository *r, repository_report *report);

/* The file temp (inside the folder) becomes the next version of name: opened, tried, renamed,
 * served. On failure it is removed and nothing changed. On success *out has a reference. */
int repository_put(repository *r, const char *name, const char *temp, served **out, problem *why);

/* Remove one version (0: all) and its files. Running requests finish. */
int repository_remove(repository *r, const char *name, int64_t version, int *removed, problem *why);

/* Failures of the last load, as a JSON array without brackets, appended to out. */
void repository_failures(repository *r, buf *out);

#endif
