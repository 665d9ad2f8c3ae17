/* named.c - samples of a named data set, for who wants to show a model something real. */
#include <string.h>

#include "axon.h"
#include "train/dataset.h"

static int take(const ax_dataset *d, const char *name, const ax_port *port, int64_t samples,
                ax_arena *mem, float **out, int64_t *n, ax_err *err)
{
    const ax_samples *s = d->test.n ? &d->test : &d->train;
    int64_t count = ax_shape_count(&port->shape);
    char a[160], b[160];
    if (ax_shape_count(&d->x_shape) != count)
        return ax_fail(err, AX_ESHAPE, "input '%s' takes samples of shape %s, those of %s are %s",
                       port->name, ax_shape_str(&port->shape, a, sizeof a), name,
                       ax_shape_str(&d->x_shape, b, sizeof b));
    *n = s->n < samples ? s->n : samples;
    *out = ax_arena_array(mem, (size_t)*n, (size_t)count * sizeof **out);
    if (!*out)
        return ax_fail(err, AX_ENOMEM, "no memory for %lld samples", (long long)*n);
    for (int64_t i = 0; i < *n; i++)
        ax_sample_fetch(d, s, i, NULL, (ax_rng){0}, 0, *out + i * count);
    return 0;
}

static int load(const cJSON *source, const char *data_dir, int allow_paths, const ax_port *port,
                int64_t samples, ax_arena *mem, float **out, int64_t *n, ax_err *err)
{
    ax_dataset d;
    if (ax_dataset_load(&d, source, data_dir, allow_paths, err))
        return -1;
    const char *name = cJSON_IsString(source) ? source->valuestring : "the spec's data";
    int bad = take(&d, name, port, samples, mem, out, n, err);
    ax_dataset_free(&d);
    return bad ? -1 : 0;
}

int ax_named_samples(const char *name, const char *data_dir, const ax_port *port, int64_t samples,
                     ax_arena *mem, float **out, int64_t *n, ax_err *err)
{
    cJSON *source = cJSON_CreateString(name);
    if (!source)
        return ax_fail(err, AX_ENOMEM, "no memory for a data set");
    int bad = load(source, data_dir, 0, port, samples, mem, out, n, err);
    cJSON_Delete(source);
    return bad;
}

int ax_spec_samples(const ax_train_options *o, const ax_port *port, int64_t samples, ax_arena *mem,
                    float **out, int64_t *n, ax_err *err)
{
    cJSON *spec = ax_json_parse(o->spec, o->spec_len, err);
    if (!spec)
        return -1;
    int bad = load(cJSON_GetObjectItemCaseSensitive(spec, "dataset"), o->data_dir, o->allow_paths, port,
                   samples, mem, out, n, err);
    cJSON_Delete(spec);
    return bad;
}
