/* init.c - initializers; see init.h. */
#include "train/init.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

typedef struct fill {
    const ax_init *init;
    ax_rng rng;
    float *w;
    int64_t n, rows; /* rows: the first dimension */
} fill;

static void normal(const fill *f, double std)
{
    for (int64_t i = 0; i < f->n; i++)
        f->w[i] = (float)(std * ax_rng_normal(f->rng, (uint64_t)i));
}

static void uniform(const fill *f, double variance)
{
    double bound = sqrt(3 * variance);
    for (int64_t i = 0; i < f->n; i++)
        f->w[i] = (float)(bound * (2.0 * ax_rng_uniform(f->rng, (uint64_t)i) - 1));
}

/* variances */
static double he(const ax_init *i)
{
    return 2.0 / (double)i->fan_in;
}

static double glorot(const ax_init *i)
{
    return 2.0 / (double)(i->fan_in + i->fan_out);
}

static int fill_auto(const fill *f)
{
    normal(f, f->init->gain / sqrt((double)f->init->fan_in));
    return 0;
}

static int fill_constant(const fill *f)
{
    for (int64_t i = 0; i < f->n; i++)
        f->w[i] = (float)f->init->value;
    return 0;
}

static int fill_zeros(const fill *f)
{
    memset(f->w, 0, (size_t)f->n * sizeof *f->w);
    return 0;
}

static int fill_he_normal(const fill *f)
{
    normal(f, sqrt(he(f->init)));
    return 0;
}

static int fill_he_uniform(const fill *f)
{
    uniform(f, he(f->init));
    return 0;
}

static int fill_glorot_normal(const fill *f)
{
    normal(f, sqrt(glorot(f->init)));
    return 0;
}

static int fill_glorot_uniform(const fill *f)
{
    uniform(f, glorot(f->init));
    return 0;
}

static int fill_lecun_normal(const fill *f)
{
    normal(f, sqrt(1.0 / (double)f->init->fan_in));
    return 0;
}

/* Rows (or columns, whichever are fewer) made orthonormal by Gram-Schmidt, twice for accuracy. */
static int fill_orthogonal(const fill *f)
{
    int64_t r = f->rows, c = f->n / (r ? r : 1), few = r < c ? r : c, len = r < c ? c : r;
    double *q = malloc((size_t)f->n * sizeof *q + 8);
    if (!q)
        return -1;
    for (int64_t i = 0; i < f->n; i++)
        q[i] = ax_rng_normal(f->rng, (uint64_t)i);
    for (int64_t i = 0; i < few; i++) {
        double *v = q + i * len, norm = 0;
        for (int64_t pass = 0; pass < 2 * i; pass++) {
            const double *u = q + pass % i * len;
            double dot = 0;
            for (int64_t k = 0; k < len; k++)
                dot += u[k] * v[k];
            for (int64_t k = 0; k < len; k++)
                v[k] -= dot * u[k];
        }
        for (int64_t k = 0; k < len; k++)
            norm += v[k] * v[k];
        for (int64_t k = 0; k < len; k++)
            v[k] /= sqrt(norm);
    }
    for (int64_t i = 0; i < r; i++)
        for (int64_t k = 0; k < c; k++)
            f->w[i * c + k] = (float)(f->init->gain * (r < c ? q[i * len + k] : q[k * len + i]));
    free(q);
    return 0;
}

static const struct row {
    const char *name;
    int (*fill)(const fill *f);
    int scales; /* by the gain of the activation */
} rows[] = {
    {"auto", fill_auto, 1},
    {"constant", fill_constant, 0},
    {"zeros", fill_zeros, 0},
    {"he_normal", fill_he_normal, 0},
    {"he_uniform", fill_he_uniform, 0},
    {"glorot_normal", fill_glorot_normal, 0},
    {"glorot_uniform", fill_glorot_uniform, 0},
    {"lecun_normal", fill_lecun_normal, 0},
    {"orthogonal", fill_orthogonal, 1},
};

enum { N_ROWS = sizeof rows / sizeof *rows };

static const struct row *find(const char *name)
{
    for (int i = 0; i < N_ROWS; i++)
        if (!strcmp(rows[i].name, name))
            return &rows[i];
    return NULL;
}

int ax_init_scales(const char *name)
{
    const struct row *row = find(name);
    return row && row->scales;
}

int ax_init_check(const char *name, ax_err *err)
{
    const char *names[N_ROWS];
    if (find(name))
        return 0;
    for (int i = 0; i < N_ROWS; i++)
        names[i] = rows[i].name;
    ax_fail(err, AX_ENOTFOUND, "there is no initializer '%.60s'", name);
    const char *near = ax_nearest(name, names, N_ROWS);
    return near ? ax_err_hint(err, "did you mean '%s'?", near)
                : ax_err_hint(err, "there are he_normal, he_uniform, glorot_normal, glorot_uniform, lecun_normal, orthogonal, zeros");
}

int ax_init_fill(const ax_graph *g, const ax_init *init, uint64_t seed, ax_err *err)
{
    const ax_value *v = &g->val[init->param];
    const struct row *row = find(init->initializer);
    fill f = {.init = init, .rng = {seed, ax_rng_name(v->name)}, .w = v->data,
              .n = ax_shape_count(&v->desc.shape), .rows = v->desc.shape.rank ? v->desc.shape.dim[0] : 1};
    if (!row)
        return ax_init_check(init->initializer, err);
    return row->fill(&f) ? ax_fail(err, AX_ENOMEM, "no memory to initialize '%s'", v->name) : 0;
}
