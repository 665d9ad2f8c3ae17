/* repository_set.h - what repository.c, repository_scan.c and repository_files.c share. */
#ifndef SERVER_REPOSITORY_SET_H
#define SERVER_REPOSITORY_SET_H

#include "repository.h"

/* An immutable set of model versions, sorted by name and version. */
typedef struct model_set {
    _Atomic int refs;
    int n, names;   /* versions, and different names */
    char *failures; /* of the load that made it: JSON objects separated by commas, or NULL */
    served *item[];
} model_set;

struct repository {
    char *folder;
    const char *default_model; /* borrowed from the configuration */
    pthread_mutex_t lock;      /* guards set */
    model_set *set;            /* NULL until the first load */
};

enum { REPOSITORY_PATH = 4096 };

typedef struct found { /* a file that claims to be a model version */
    char name[65];
    int64_t version;
    char path[REPOSITORY_PATH];
    struct stat st;
} found;

typedef struct scan {
    found *file;
    int n, cap;
    int quiet;  /* what is left out need not be said again */
    int failed; /* errno: the list is not complete          */
} scan;

/* Look at the folder. -1 when it cannot be read, with the reason in s->failed. scan_free() it. */
int scan_folder(const char *folder, scan *s);
void scan_free(scan *s);

model_set *set_acquire(repository *r); /* NULL before the first load */
void set_release(model_set *set);

/* Swap in a set of these items (a reference is taken of each). -1 when memory is out. */
int set_publish(repository *r, served **items, int n, const char *failures);

#endif
