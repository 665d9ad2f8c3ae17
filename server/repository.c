/* repository.c - the set of models that are served; see repository.h. What changes the set by
 * looking at files is in repository_files.c. */
#include "repository_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

served *served_acquire(served *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void served_release(served *s)
{
    if (!s || atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    runner_fini(&s->runner);
    ax_model_release(s->model);
    free(s->path);
    free(s);
}

void set_release(model_set *set)
{
    if (!set || atomic_fetch_sub(&set->refs, 1) > 1)
        return;
    for (int i = 0; i < set->n; i++)
        served_release(set->item[i]);
    free(set->failures);
    free(set);
}

model_set *set_acquire(repository *r)
{
    pthread_mutex_lock(&r->lock);
    model_set *set = r->set;
    if (set)
        atomic_fetch_add(&set->refs, 1);
    pthread_mutex_unlock(&r->lock);
    return set;
}

static int by_name(const void *a, const void *b)
{
    const served *x = *(served *const *)a, *y = *(served *const *)b;
    int c = strcmp(x->name, y->name);
    return c ? c : (x->version > y->version) - (x->version < y->version);
}

int set_publish(repository *r, served **items, int n, const char *failures)
{
    model_set *set = calloc(1, sizeof *set + sizeof(served *) * (size_t)n);
    if (!set)
        return -1;
    set->refs = 1;
    set->n = n;
    set->failures = failures && *failures ? strdup(failures) : NULL;
    for (int i = 0; i < n; i++)
        set->item[i] = served_acquire(items[i]);
    qsort(set->item, (size_t)n, sizeof *set->item, by_name);
    for (int i = 0; i < n; i++)
        set->names += !i || strcmp(set->item[i]->name, set->item[i - 1]->name) != 0;
    pthread_mutex_lock(&r->lock);
    model_set *old = r->set;
    r->set = set;
    pthread_mutex_unlock(&r->lock);
    for (int i = 0; old && i < old->n; i++) {
        int kept = 0;
        for (int k = 0; k < n; k++)
            kept |= items[k] == old->item[i];
        if (!kept)
            atomic_store(&old->item[i]->retired, 1);
    }
    set_release(old);
    return 0;
}

repository *repository_new(const char *folder, const char *default_model, ax_err *err)
{
    repository *r = calloc(1, sizeof *r);
    if (!r || !(r->folder = strdup(folder))) {
        free(r);
        ax_fail(err, AX_ENOMEM, "out of memory");
        return NULL;
    }
    r->default_model = default_model;
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void repository_free(repository *r)
{
    if (!r)
        return;
    set_release(r->set);
    pthread_mutex_destroy(&r->lock);
    free(r->folder);
    free(r);
}

int repository_no_version(const char *s, problem *why)
{
    problem_set(why, 404, "unknown_version", "'%.64s' is not a version: 1, 2, ...", s);
    snprintf(why->err.at, sizeof why->err.at, "version");
    return -1;
}

int repository_check_name(const char *name, problem *why)
{
    if (ax_name_ok(name))
        return 0;
    problem_set(why, 400, "bad_name", "'%.64s' cannot be the name of a model", name);
    snprintf(why->err.at, sizeof why->err.at, "name");
    problem_expect(why, "\"" AX_NAME_RULE "\"");
    return -1;
}

static int no_default(const model_set *set, problem *why)
{
    if (!set->n)
        return problem_set(why, 404, "no_model", "no model is loaded");
    problem_set(why, 400, "model_needed", "%d models are loaded: say which one", set->names);
    problem_expect(why, "\"the field 'model', /models/NAME/predict, or ?model=NAME\"");
    return ax_err_hint(&why->err, "for example '%s'; --default-model sets one", set->item[0]->name);
}

static int unknown_model(const model_set *set, const char *name, problem *why)
{
    const char *names[256] = {NULL};
    int n = 0;
    for (int i = 0; i < set->n && n < 256; i++)
        if (!n || strcmp(names[n - 1], set->item[i]->name))
            names[n++] = set->item[i]->name;
    const char *near = ax_nearest(name, names, n);
    problem_set(why, 404, "unknown_model", "no model is called '%.64s'", name);
    snprintf(why->err.at, sizeof why->err.at, "model");
    if (near)
        return ax_err_hint(&why->err, "did you mean '%s'?", near);
    if (n)
        return ax_err_hint(&why->err, "GET /models lists them; one is '%s'", names[0]);
    return ax_err_hint(&why->err, "no model is loaded");
}

/* The version asked for, the highest for 0; borrowed from the set. */
static served *find(const model_set *set, const char *name, int64_t version, problem *why)
{
    served *best = NULL;
    int known = 0;
    for (int i = 0; i < set->n; i++) { /* sorted: the last one that fits is the highest */
        served *s = set->item[i];
        if (s->name[0] != name[0] || strcmp(s->name, name))
            continue;
        known = 1;
        if (!version || s->version == version)
            best = s;
    }
    if (!known) {
        unknown_model(set, name, why);
    } else if (!best) {
        problem_set(why, 404, "unknown_version", "model '%s' has no version %lld", name,
                    (long long)version);
        snprintf(why->err.at, sizeof why->err.at, "version");
        ax_err_hint(&why->err, "GET /models/%s lists them", name);
    }
    return best;
}

served *repository_acquire(repository *r, const char *name, int64_t version, problem *why)
{
    served *s = NULL;
    pthread_mutex_lock(&r->lock);
    const model_set *set = r->set;
    if (!set) {
        problem_set(why, 503, "loading", "the models are being loaded");
        why->retry_after = 1;
    } else {
        if (!name)
            name = r->default_model  ? r->default_model
                   : set->names == 1 ? set->item[0]->name
                                     : NULL;
        if (!name)
            no_default(set, why);
        else if ((s = find(set, name, version, why)))
            served_acquire(s);
    }
    pthread_mutex_unlock(&r->lock);
    return s;
}

int repository_count(const repository *r)
{
    model_set *set = set_acquire((repository *)r);
    int n = set ? set->n : 0;
    set_release(set);
    return n;
}

const char *repository_folder(const repository *r)
{
    return r->folder;
}

void repository_default(repository *r, char *out, size_t size)
{
    model_set *set = set_acquire(r);
    const char *name = r->default_model         ? r->default_model
                       : set && set->names == 1 ? set->item[0]->name
                                                : "";
    snprintf(out, size, "%s", name);
    set_release(set);
}

served **repository_list(repository *r, int *n)
{
    model_set *set = set_acquire(r);
    served **list = set ? calloc((size_t)set->n + 1, sizeof *list) : NULL;
    *n = list ? set->n : 0;
    for (int i = 0; i < *n; i++)
        list[i] = served_acquire(set->item[i]);
    set_release(set);
    return list;
}

void repository_failures(repository *r, buf *out)
{
    model_set *set = set_acquire(r);
    if (set && set->failures)
        buf_str(out, set->failures);
    set_release(set);
}
