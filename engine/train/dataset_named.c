/* dataset_named.c - data sets by name: DIR/NAME/set.json, or where Debian puts them. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "axon.h"
#include "base/file.h"
#include "base/json.h"
#include "base/name.h"
#include "train/dataset_impl.h"

enum { SET_JSON = 64 << 20 }; /* bytes, most of them a description */

static const struct named {
    const char *name, *folder, *package;
    const char *labels[10];
} named_sets[] = {
    {"fashion-mnist", "/usr/share/datasets/fashion-mnist", "dataset-fashion-mnist",
     {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"}},
};

/* ---- set.json ------------------------------------------------------------------------------------ */

/* A name of a file in the folder becomes its path. Names do not lead out of it. */
static int place_file(cJSON *name, const char *folder, ax_err *err)
{
    char path[PATH_MAX];
    const char *file = cJSON_GetStringValue(name);
    if (!file || !*file || *file == '.' || strchr(file, '/') ||
        snprintf(path, sizeof path, "%s/%s", folder, file) >= (int)sizeof path)
        return ax_fail(err, AX_ECORRUPT, "set.json names a file that cannot be one of its folder");
    return cJSON_SetValuestring(name, path) ? 0 : ax_fail(err, AX_ENOMEM, "no memory for a data set");
}

static int place_files(cJSON *source, const char *folder, ax_err *err)
{
    static const char *const keys[] = {"csv", "npz", "safetensors", "idx", "test_idx"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        cJSON *o = cJSON_GetObjectItemCaseSensitive(source, keys[i]);
        if (cJSON_IsArray(o)) {
            for (cJSON *e = o->child; e; e = e->next)
                if (place_file(e, folder, err))
                    return -1;
        } else if (o && place_file(o, folder, err)) {
            return -1;
        }
    }
    return 0;
}

/* The set of a folder that has a set.json. */
static int from_set(ax_dataset *d, const char *folder, const char *path, ax_err *err)
{
    size_t n;
    char *text = ax_file_read(path, SET_JSON, &n, err);
    cJSON *set = text ? ax_json_parse(text, n, err) : NULL;
    cJSON *source = cJSON_GetObjectItemCaseSensitive(set, "source");
    int bad = !set;
    if (!bad && (!cJSON_IsObject(source) || cJSON_GetObjectItemCaseSensitive(source, "x")))
        bad = ax_fail(err, AX_ECORRUPT, "set.json has no \"source\" like {\"csv\":FILE}");
    bad = bad || place_files(source, folder, err) || ax_dataset_source(d, source, 1, err);
    cJSON_Delete(set);
    free(text);
    return bad ? -1 : 0;
}

/* ---- Debian's ------------------------------------------------------------------------------------ */

static int from_files(ax_dataset *d, const char *folder, ax_err *err)
{
    char p[4][PATH_MAX + 64];
    static const char *const files[] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                        "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"};
    for (int i = 0; i < 4; i++)
        snprintf(p[i], sizeof p[i], "%s/%s", folder, files[i]);
    return ax_dataset_idx(d, &d->train, p[0], p[1], err) || ax_dataset_idx(d, &d->test, p[2], p[3], err) ? -1 : 0;
}

static int from_package(ax_dataset *d, const struct named *s, const char *local, ax_err *err)
{
    int n_labels = sizeof s->labels / sizeof *s->labels;
    const char *folder = local && !access(local, R_OK) ? local : s->folder;
    if (access(folder, R_OK)) {
        ax_fail(err, AX_ENOTFOUND, "the data set '%s' is not installed", s->name);
        return ax_err_hint(err, "apt-get install %s", s->package);
    }
    d->labels = (const char **)s->labels;
    if (from_files(d, folder, err))
        return -1;
    return d->n_classes <= n_labels ? 0
                                    : ax_fail(err, AX_ECORRUPT, "%s has a label %d, there are only %d classes", folder,
                                              d->n_classes - 1, n_labels);
}

const char *ax_dataset_installed(int i)
{
    const int n = sizeof named_sets / sizeof *named_sets;
    for (int k = 0; k < n; k++)
        if (!access(named_sets[k].folder, R_OK) && !i--)
            return named_sets[k].name;
    return NULL;
}

int ax_dataset_named(ax_dataset *d, const char *name, const char *data_dir, ax_err *err)
{
    char local[PATH_MAX], set[PATH_MAX];
    int there = data_dir && ax_name_ok(name) &&
                snprintf(local, sizeof local, "%s/%s", data_dir, name) < (int)sizeof local;
    if (there && snprintf(set, sizeof set, "%s/set.json", local) < (int)sizeof set && !access(set, F_OK))
        return from_set(d, local, set, err);
    for (size_t i = 0; i < sizeof named_sets / sizeof *named_sets; i++)
        if (!strcmp(named_sets[i].name, name))
            return from_package(d, &named_sets[i], there ? local : NULL, err);
    ax_fail(err, AX_ENOTFOUND, "there is no data set '%.60s'", name);
    return ax_err_hint(err, "there is fashion-mnist");
}
