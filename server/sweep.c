/* sweep.c - see sweep.h. */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

static const cJSON *axes_of(const cJSON *spec)
{
    return cJSON_GetObjectItemCaseSensitive(spec, "sweep");
}

/* ---- how many -----------------------------------------------------------------------------------
 */

static int check_values(const cJSON *axis, ax_err *err)
{
    int i = 0, k = 0;
    if (!cJSON_IsArray(axis))
        return ax_fail(err, AX_ETYPE, "'%.60s' is not a list of values", axis->string);
    if (!axis->child) {
        ax_fail(err, AX_EINVAL, "the list of values of '%.60s' is empty", axis->string);
        return ax_err_hint(err, "one value, as in [1], is the least; or leave '%.60s' out",
                           axis->string);
    }
    for (const cJSON *v = axis->child; v; v = v->next, i++) {
        k = 0;
        for (const cJSON *before = axis->child; before != v; before = before->next, k++)
            if (cJSON_Compare(before, v, 1)) {
                ax_fail(err, AX_EINVAL, "the value is there already, at [%d]", k);
                return ax_err_in(err, "[%d]", i);
            }
    }
    return 0;
}

/* One field within another would be overwritten, or overwrite. */
static int check_overlap(const cJSON *axes, const cJSON *axis, ax_err *err)
{
    static const char activation[] = ".activation";
    size_t n = strlen(axis->string), tail = sizeof activation - 1;
    if (!strcmp(axis->string, "publish"))
        return ax_fail(err, AX_EINVAL, "the runs of a sweep are not published, the best one is");
    for (const cJSON *b = axes->child; b; b = b->next) {
        size_t m = strlen(b->string);
        int within = b != axis && m > n && !strncmp(b->string, axis->string, n) &&
                     strchr(".[", b->string[n]);
        int layer = !strcmp(axis->string, activation + 1) && m > tail &&
                    !strcmp(b->string + m - tail, activation);
        if (within || layer)
            return ax_fail(err, AX_EINVAL,
                           "'%.60s' of the sweep lies within '%.60s': each would undo the other",
                           b->string, axis->string);
    }
    return 0;
}

int sweep_count(const cJSON *spec, ax_err *err)
{
    const cJSON *axes = axes_of(spec);
    int64_t n = 1;
    if (!axes)
        return 0;
    if (!cJSON_IsObject(axes) || !axes->child || cJSON_GetArraySize(axes) > SWEEP_AXES) {
        ax_fail(err, AX_ETYPE,
                "\"sweep\" is an object of 1 to %d fields, each with a list of values", SWEEP_AXES);
        return ax_err_in(err, "sweep");
    }
    for (const cJSON *a = axes->child; a; a = a->next) {
        if (check_values(a, err) || check_overlap(axes, a, err)) {
            ax_err_in(err, "%s", a->string);
            return ax_err_in(err, "sweep");
        }
        n *= cJSON_GetArraySize(a);
        if (n > SWEEP_RUNS) {
            ax_fail(err, AX_ELIMIT, "the sweep has more than %d runs", SWEEP_RUNS);
            return ax_err_in(err, "sweep");
        }
    }
    return (int)n;
}

/* ---- one run
 * ------------------------------------------------------------------------------------- */

static int no_memory(ax_err *err)
{
    return ax_fail(err, AX_ENOMEM, "out of memory");
}

/* The object in the place of `to`, which names a row and becomes one with options: "adam" and
 * {"name":"adam"} are the same. */
static cJSON *as_object(cJSON *parent, const char *key, cJSON *to)
{
    cJSON *o = cJSON_CreateObject();
    if (cJSON_IsString(to) && ax_json_put(o, "name", cJSON_CreateString(to->valuestring))) {
        cJSON_Delete(o);
        return NULL;
    }
    if (to)
        cJSON_ReplaceItemInObjectCaseSensitive(parent, key, o);
    else if (ax_json_put(parent, key, o))
        return NULL;
    return o;
}

/* One step of a path, "layers" or "layers[2]": what is there, made where it may be. */
static cJSON *step(cJSON *at, const char *name, int index, ax_err *err)
{
    cJSON *next = cJSON_GetObjectItemCaseSensitive(at, name);
    if (index >= 0) {
        next = cJSON_IsArray(next) ? cJSON_GetArrayItem(next, index) : NULL;
        if (!next)
            ax_fail(err, AX_ENOTFOUND, "the spec has no %s[%d]", name, index);
        return next;
    }
    if (cJSON_IsObject(next))
        return next;
    if (next && !cJSON_IsString(next)) {
        ax_fail(err, AX_ETYPE, "'%s' of the spec has no fields", name);
        return NULL;
    }
    if (!(next = as_object(at, name, next)))
        no_memory(err);
    return next;
}

static int set(cJSON *at, const char *name, const cJSON *value, ax_err *err)
{
    cJSON *copy = cJSON_Duplicate(value, 1);
    if (!copy)
        return no_memory(err);
    if (!cJSON_IsObject(at)) {
        cJSON_Delete(copy);
        return ax_fail(err, AX_ETYPE, "'%s' is in something that has no fields", name);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(at, name);
    return ax_json_put(at, name, copy) ? no_memory(err) : 0;
}

/* "optimizer.learning_rate", "model.layers[0].units" */
static int set_path(cJSON *spec, const char *path, const cJSON *value, ax_err *err)
{
    cJSON *at = spec;
    for (;;) {
        char name[64];
        size_t n = strcspn(path, ".[");
        if (!n || n >= sizeof name)
            return ax_fail(err, AX_EINVAL,
                           "'%.60s' is no path of a field, as optimizer.learning_rate", path);
        memcpy(name, path, n);
        name[n] = 0;
        path += n;
        int index = -1;
        if (*path == '[') {
            size_t digits = strspn(path + 1, "0123456789");
            const char *end = path + 1 + digits;
            index = digits && digits < 6 ? atoi(path + 1) : -1;
            if (index < 0 || *end != ']' || end[1] != '.')
                return ax_fail(err, AX_EINVAL, "'%.60s' is no place in a list, as layers[0].units",
                               path);
            path = end + 1;
        }
        if (!*path)
            return set(at, name, value, err);
        path++;
        if (!(at = step(at, name, index, err)))
            return -1;
    }
}

static int set_activation(cJSON *spec, const cJSON *value, ax_err *err)
{
    cJSON *layers =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(spec, "model"), "layers");
    int n = 0;
    for (cJSON *l = cJSON_IsArray(layers) ? layers->child : NULL; l && l->next; l = l->next)
        if (cJSON_GetObjectItemCaseSensitive(l, "activation")) {
            if (set(l, "activation", value, err))
                return -1;
            n++;
        }
    return n ? 0
             : ax_fail(err, AX_EINVAL, "no layer of the model but the last names an activation");
}

/* The place of run i on an axis; *i becomes what is left for those before it. */
static const cJSON *choose(const cJSON *axis, int *i)
{
    int n = cJSON_GetArraySize(axis);
    const cJSON *v = cJSON_GetArrayItem(axis, *i % n);
    *i /= n;
    return v;
}

/* The last axis turns fastest, so they are taken from the end. */
static int chosen(const cJSON *spec, int i, const cJSON *axis[SWEEP_AXES],
                  const cJSON *value[SWEEP_AXES])
{
    int n = 0;
    for (const cJSON *a = axes_of(spec)->child; a; a = a->next)
        axis[n++] = a;
    for (int k = n; k-- > 0;)
        value[k] = choose(axis[k], &i);
    return n;
}

static int apply(cJSON *run, cJSON *values, const cJSON *axis, const cJSON *value, ax_err *err)
{
    int bad = strcmp(axis->string, "activation") ? set_path(run, axis->string, value, err)
                                                 : set_activation(run, value, err);
    if (bad) {
        ax_err_in(err, "%s", axis->string);
        return ax_err_in(err, "sweep");
    }
    return ax_json_put(values, axis->string, cJSON_Duplicate(value, 1)) ? no_memory(err) : 0;
}

cJSON *sweep_spec(const cJSON *spec, int i, cJSON **values, ax_err *err)
{
    const cJSON *axis[SWEEP_AXES], *value[SWEEP_AXES];
    int n = chosen(spec, i, axis, value);
    cJSON *run = cJSON_Duplicate(spec, 1);
    *values = cJSON_CreateObject();
    int bad = !run || !*values ? no_memory(err) : 0;
    cJSON_DeleteItemFromObjectCaseSensitive(run, "sweep");
    cJSON_DeleteItemFromObjectCaseSensitive(run, "publish");
    for (int k = 0; k < n && !bad; k++)
        bad = apply(run, *values, axis[k], value[k], err);
    if (!bad)
        return run;
    cJSON_Delete(run);
    cJSON_Delete(*values);
    *values = NULL;
    return NULL;
}

int sweep_same_setting(const cJSON *spec, int a, int b)
{
    const cJSON *axis[SWEEP_AXES], *x[SWEEP_AXES], *y[SWEEP_AXES];
    int n = chosen(spec, a, axis, x), same = 1;
    chosen(spec, b, axis, y);
    for (int k = 0; k < n; k++)
        same &= x[k] == y[k] || !strcmp(axis[k]->string, "seed");
    return same;
}
