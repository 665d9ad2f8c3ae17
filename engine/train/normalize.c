/* normalize.c - see normalize.h. */
#include "train/normalize.h"

#include <math.h>
#include <stdlib.h>

#include "base/json.h"

enum { CHANNELS_MAX = 65536 }; /* as the input of a model: beyond it has one number for all */

typedef struct moments {
    int64_t channels, each;    /* numbers of a channel in a sample */
    double *mean, *std, *scale; /* [channels] */
} moments;

static double read(const ax_dataset *d, const moments *m, int64_t sample, int64_t at)
{
    int64_t i = sample * m->channels * m->each + at;
    return d->x_type == AX_F32 ? ((const float *)d->train.x)[i] : ((const uint8_t *)d->train.x)[i];
}

/* One channel in two passes: nothing is lost where the mean is large. */
static void measure(const ax_dataset *d, moments *m, int64_t c, const uint32_t *samples, int64_t n)
{
    double sum = 0, squares = 0, first = read(d, m, samples[0], c * m->each), count = (double)(n * m->each);
    int constant = 1;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < m->each; k++) {
            double v = read(d, m, samples[i], c * m->each + k);
            sum += v;
            constant &= v == first;
        }
    double mean = constant ? first : sum / count;
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < m->each; k++) {
            double v = read(d, m, samples[i], c * m->each + k) - mean;
            squares += v * v;
        }
    m->mean[c] = mean * m->scale[c];
    m->std[c] = sqrt(squares / count) * fabs(m->scale[c]);
    if (m->std[c] < 1e-30)
        m->std[c] = 1;
}

/* "scale", one number or one per channel; a bad one is told when the model is built. */
static void read_scale(const cJSON *in, moments *m)
{
    const cJSON *s = cJSON_GetObjectItemCaseSensitive(in, "scale"), *e = cJSON_IsArray(s) ? s->child : s;
    int each = cJSON_IsArray(s) && s->child && s->child->next;
    for (int64_t i = 0; i < m->channels; i++) {
        m->scale[i] = cJSON_IsNumber(e) ? e->valuedouble : 1;
        e = each && e ? e->next : e;
    }
}

static int put(cJSON *in, const moments *m, ax_err *err)
{
    cJSON *mean = cJSON_CreateDoubleArray(m->mean, (int)m->channels);
    cJSON *std = cJSON_CreateDoubleArray(m->std, (int)m->channels);
    int bad = ax_json_put(in, "mean", mean);
    bad |= ax_json_put(in, "std", std);
    return bad ? ax_fail(err, AX_ENOMEM, "no memory to normalize the samples") : 0;
}

/* The input that can be normalized, how many channels it has; NULL where the spec is wrong in another
 * way. */
static cJSON *find_input(cJSON *spec, const ax_dataset *d, int64_t *channels)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(spec, "inputs");
    cJSON *in = cJSON_GetArraySize(list) == 1 ? cJSON_GetArrayItem(list, 0) : NULL;
    const cJSON *dim = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(in, "shape"), 0);
    int64_t all = ax_shape_count(&d->x_shape);
    if (!cJSON_IsNumber(dim) || !(dim->valuedouble >= 1 && dim->valuedouble <= (double)all) ||
        all % (int64_t)dim->valuedouble)
        return NULL;
    *channels = dim->valuedouble > CHANNELS_MAX ? 1 : (int64_t)dim->valuedouble;
    return in;
}

int ax_normalize(cJSON *spec, const ax_dataset *d, const uint32_t *samples, int64_t n, ax_err *err)
{
    static const char *const keys[] = {"mean", "std"};
    moments m = {0};
    cJSON *in = find_input(spec, d, &m.channels);
    if (!in)
        return 0;
    for (int i = 0; i < 2; i++)
        if (cJSON_GetObjectItemCaseSensitive(in, keys[i])) {
            ax_fail(err, AX_EINVAL, "\"normalize\" finds mean and std itself, but the input has its own \"%s\"", keys[i]);
            ax_err_hint(err, "leave \"%s\" out, or \"normalize\"", keys[i]);
            return ax_err_in(err, "model.inputs[0].%s", keys[i]);
        }
    m.each = ax_shape_count(&d->x_shape) / m.channels;
    double *memory = calloc((size_t)m.channels * 3, sizeof *memory);
    if (!memory)
        return ax_fail(err, AX_ENOMEM, "no memory to normalize the samples");
    m.mean = memory;
    m.std = memory + m.channels;
    m.scale = memory + 2 * m.channels;
    read_scale(in, &m);
    for (int64_t c = 0; c < m.channels; c++)
        measure(d, &m, c, samples, n);
    int bad = put(in, &m, err);
    free(memory);
    return bad;
}
