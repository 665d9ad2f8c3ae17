/* selftest.c - does this machine compute what the model's writer computed? Known inputs, and all
 * outputs compared.
 *
 * That the file is whole is what its hash says; this is about kernels. Where they multiply and add
 * in the same way the hash of the outputs is the same. Elsewhere (an instruction set without fused
 * multiply-add, another OpenBLAS kernel) sums round differently: then numbers spread over each
 * output, the first and the last among them, must agree. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/number.h"
#include "model.h"

enum { BATCH = 2, NUMBERS = 64, SEED = 20 };

/* Of an output's largest number. With and without fused multiply-add the sample models differ by
 * 5e-7; that leaves room for models of many more layers, and none for a kernel with a wrong edge.
 */
static const double closeness = 1e-4;

#define MIN_HIGH 1e-30 /* bounds of the largest input number */
#define MAX_HIGH 1e30

typedef struct test {
    int64_t seed;
    const cJSON *high, *outputs; /* arrays: a number per input, an array of numbers per output */
    const char *hash;            /* of all outputs */
} test;

static int64_t count(const ax_port *p)
{
    return BATCH * ax_shape_count(&p->shape);
}

/* Where the i-th of the compared numbers of an output of n lies. */
static int64_t place(int64_t i, int64_t n)
{
    return n <= NUMBERS ? i : i * (n - 1) / (NUMBERS - 1);
}

static int64_t places(int64_t n)
{
    return n <= NUMBERS ? n : NUMBERS;
}

/* ---- running --------------------------------------------------------------------------------- */

/* Fill input i with numbers in [0, high[i]) and run. */
static ax_session *run(ax_model *m, int64_t seed, const cJSON *high, ax_err *err)
{
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, err);
    if (!s || ax_session_resize(s, BATCH, err)) {
        ax_session_close(s);
        return NULL;
    }
    const cJSON *h = high->child;
    for (int i = 0; i < m->info.n_inputs; i++, h = h->next) {
        float *x = ax_session_input(s, i);
        for (int64_t k = 0; k < count(&m->info.inputs[i]); k++)
            x[k] = (float)(h->valuedouble *
                           ax_rng_uniform((ax_rng){(uint64_t)seed, (uint64_t)i}, (uint64_t)k));
    }
    ax_session_run(s, NULL);
    return s;
}

static void hash_outputs(ax_session *s, char out[24])
{
    uint64_t h = 0;
    for (int i = 0; i < ax_session_outputs(s); i++)
        h = ax_hash64_more(h, ax_session_output(s, i),
                           (size_t)count(ax_session_output_port(s, i)) * sizeof(float));
    snprintf(out, 24, "%016llx", (unsigned long long)h);
}

/* ---- comparing ------------------------------------------------------------------------------- */

/* null stands for a number that is not finite */
static int agree(float got, const cJSON *want, double largest)
{
    return cJSON_IsNull(want) ? !isfinite(got)
                              : fabs(got - want->valuedouble) <= closeness * largest;
}

static int compare_output(ax_session *s, int output, const cJSON *want, ax_err *err)
{
    const ax_port *p = ax_session_output_port(s, output);
    const float *y = ax_session_output(s, output);
    double largest = 0;
    int64_t i = 0;
    const cJSON *e;
    cJSON_ArrayForEach(e, want) largest = fmax(largest, fabs(e->valuedouble));
    cJSON_ArrayForEach(e, want)
    {
        int64_t at = place(i++, count(p));
        if (!agree(y[at], e, largest))
            return ax_fail(err, AX_ECORRUPT,
                           "the self-test failed: number %lld of output '%s' is %.9g, the model's "
                           "writer got %.9g",
                           (long long)at, p->name, y[at], cJSON_IsNull(e) ? NAN : e->valuedouble);
    }
    return 0;
}

/* ---- the text -------------------------------------------------------------------------------- */

static int is_list(const cJSON *list, int64_t n, int null_too)
{
    const cJSON *e;
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != n)
        return 0;
    cJSON_ArrayForEach(e, list)
    {
        if (!cJSON_IsNumber(e) && !(null_too && cJSON_IsNull(e)))
            return 0;
    }
    return 1;
}

/* Everything there, of the right kind and length. */
static int read_test(const ax_model *m, const cJSON *json, test *t, ax_err *err)
{
    static const char *const known[] = {"seed", "high", "hash", "outputs"};
    const cJSON *e;
    int i = 0;
    if (!cJSON_IsObject(json))
        return ax_fail(err, AX_ETYPE, "it is not a JSON object");
    if (ax_json_known(json, known, 4, err) || ax_json_str(json, "hash", "", &t->hash, err) ||
        ax_json_int(json, "seed", -1, 0, (int64_t)1 << 52, &t->seed, err))
        return -1;
    t->high = cJSON_GetObjectItemCaseSensitive(json, "high");
    t->outputs = cJSON_GetObjectItemCaseSensitive(json, "outputs");
    if (t->seed < 0 || !is_list(t->high, m->info.n_inputs, 0))
        return ax_fail(err, AX_ESHAPE, "it needs a seed and \"high\", %d numbers",
                       m->info.n_inputs);
    cJSON_ArrayForEach(e, t->high)
    {
        if (!(e->valuedouble >= MIN_HIGH && e->valuedouble <= MAX_HIGH))
            return ax_fail(err, AX_ERANGE, "%s in \"high\" is outside %s to %s",
                           AX_NUMBER(e->valuedouble), AX_NUMBER(MIN_HIGH), AX_NUMBER(MAX_HIGH));
    }
    if (!cJSON_IsArray(t->outputs) || cJSON_GetArraySize(t->outputs) != m->info.n_outputs)
        return ax_fail(err, AX_ESHAPE, "it needs \"outputs\" with %d arrays", m->info.n_outputs);
    cJSON_ArrayForEach(e, t->outputs)
    {
        const ax_port *p = &m->info.outputs[i++];
        if (!is_list(e, places(count(p)), 1))
            return ax_fail(err, AX_ESHAPE, "for output '%s' it needs %lld numbers", p->name,
                           (long long)places(count(p)));
    }
    return 0;
}

int ax_selftest_check(ax_model *m, const char *text, ax_err *err)
{
    ax_err why = {0};
    test t = {0};
    char got[24];
    cJSON *json = ax_json_parse(text, strlen(text), &why);
    ax_session *s = NULL;
    int bad = -1, i = 0;
    if (!json || read_test(m, json, &t, &why)) {
        ax_fail(err, AX_ECORRUPT, "the self-test cannot be read: %s", why.msg);
        goto done;
    }
    if (!(s = run(m, t.seed, t.high, err)))
        goto done;
    bad = 0;
    hash_outputs(s, got);
    for (const cJSON *e = strcmp(got, t.hash) ? t.outputs->child : NULL; e && !bad; e = e->next)
        bad = compare_output(s, i++, e, err);
done:
    ax_session_close(s);
    cJSON_Delete(json);
    return bad;
}

/* ---- making ---------------------------------------------------------------------------------- */

/* The largest raw number worth testing an input with: the spec's scale brings it to 1. */
static double input_high(const cJSON *input)
{
    const cJSON *scale = cJSON_GetObjectItemCaseSensitive(input, "scale");
    if (cJSON_IsArray(scale))
        scale = scale->child;
    double high =
        cJSON_IsNumber(scale) && scale->valuedouble != 0 ? 1 / fabs(scale->valuedouble) : 1;
    return fmin(fmax(high, MIN_HIGH), MAX_HIGH);
}

/* Per input, as an array. NULL: no memory. */
static cJSON *highs(const ax_model *m)
{
    cJSON *spec = cJSON_Parse(m->net.spec), *list = cJSON_CreateArray();
    const cJSON *inputs = cJSON_GetObjectItemCaseSensitive(spec, "inputs");
    int bad = !spec;
    for (int i = 0; !bad && i < m->info.n_inputs; i++)
        bad =
            ax_json_put(list, NULL, cJSON_CreateNumber(input_high(cJSON_GetArrayItem(inputs, i))));
    cJSON_Delete(spec);
    if (!bad)
        return list;
    cJSON_Delete(list);
    return NULL;
}

static int put_outputs(cJSON *t, ax_session *s)
{
    cJSON *outputs = cJSON_AddArrayToObject(t, "outputs");
    for (int i = 0; i < ax_session_outputs(s); i++) {
        const float *y = ax_session_output(s, i);
        int64_t n = count(ax_session_output_port(s, i));
        cJSON *list = cJSON_CreateArray();
        if (ax_json_put(outputs, NULL, list))
            return -1;
        for (int64_t k = 0; k < places(n); k++) {
            float v = y[place(k, n)];
            if (ax_json_put(list, NULL,
                            isfinite(v) ? cJSON_CreateNumber((double)v) : cJSON_CreateNull()))
                return -1;
        }
    }
    return 0;
}

char *ax_selftest_make(ax_model *m, ax_err *err)
{
    char hash[24], *text = NULL;
    ax_session *s = NULL;
    cJSON *t = cJSON_CreateObject(), *high = highs(m);
    /* both, whatever becomes of the first: each takes its item over */
    if (ax_json_put(t, "seed", cJSON_CreateNumber(SEED)) | ax_json_put(t, "high", high))
        goto no_memory;
    if (!(s = run(m, SEED, high, err)))
        goto done;
    hash_outputs(s, hash);
    if (!ax_json_put(t, "hash", cJSON_CreateString(hash)) && !put_outputs(t, s) &&
        (text = ax_json_text(t, 0)))
        goto done;
no_memory:
    ax_fail(err, AX_ENOMEM, "no memory for the self-test");
done:
    ax_session_close(s);
    cJSON_Delete(t);
    return text;
}
