/* optimizer.c - the rows and the reading of them; the loops are in update.isa.c. */
#include "train/optimizer.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "base/json.h"
#include "base/range.h"
#include "math/cpu.h"

#ifdef __x86_64__
extern const ax_update_table ax_update_v2, ax_update_v3, ax_update_v4;
#else
extern const ax_update_table ax_update_neon;
#endif

static const ax_update_table *table(void)
{
#ifdef __x86_64__
    static const ax_update_table *const tables[AX_ISAS] = {
        [AX_ISA_V2] = &ax_update_v2, [AX_ISA_V3] = &ax_update_v3, [AX_ISA_V4] = &ax_update_v4};
    return tables[ax_isa_active()];
#else
    return &ax_update_neon;
#endif
}

/* name, slots, default rate, momentum, beta1, beta2, epsilon, decay, loop, its own fields */
// clang-format off
static const struct row {
    const char *name;
    int slots;
    double lr, momentum, beta1, beta2, epsilon, decay;
    size_t loop; /* offset in the table */
    const char *fields[4];
} rows[] = {
    {"sgd",     1, 0.01,  0, 0,   0,     0,     0,    offsetof(ax_update_table, sgd),     {"momentum", "nesterov"}},
    {"adam",    2, 0.001, 0, 0.9, 0.999, 1e-8,  0,    offsetof(ax_update_table, adam),    {"beta1", "beta2", "epsilon"}},
    {"adamw",   2, 0.001, 0, 0.9, 0.999, 1e-8,  0.01, offsetof(ax_update_table, adamw),   {"beta1", "beta2", "epsilon"}},
    {"rmsprop", 2, 0.001, 0, 0,   0.99,  1e-8,  0,    offsetof(ax_update_table, rmsprop), {"momentum", "beta2", "epsilon"}},
    {"adagrad", 1, 0.01,  0, 0,   0,     1e-10, 0,    offsetof(ax_update_table, adagrad), {"epsilon"}},
    {"lion",    1, 1e-4,  0, 0.9, 0.99,  0,     0,    offsetof(ax_update_table, lion),    {"beta1", "beta2"}},
};
// clang-format on
enum { N_ROWS = sizeof rows / sizeof *rows, ADAM = 1 };

static int find(const char *name, ax_err *err)
{
    const char *names[N_ROWS];
    for (int i = 0; i < N_ROWS; i++) {
        if (!strcmp(rows[i].name, name))
            return i;
        names[i] = rows[i].name;
    }
    ax_fail(err, AX_ENOTFOUND, "there is no optimizer '%.60s'", name);
    const char *near = ax_nearest(name, names, N_ROWS);
    return near ? ax_err_hint(err, "did you mean '%s'?", near)
                : ax_err_hint(err, "there are sgd, adam, adamw, rmsprop, adagrad and lion");
}

int ax_optimizer_read(const cJSON *json, ax_optimizer *o, ax_err *err)
{
    const char *name = "adam";
    if (json && !cJSON_IsString(json) && !cJSON_IsObject(json))
        return ax_fail(err, AX_ETYPE, "an optimizer is a name or an object with \"name\"");
    if (cJSON_IsString(json))
        name = json->valuestring;
    else if (json && ax_json_str(json, "name", "adam", &name, err))
        return -1;
    int kind = find(name, err);
    if (kind < 0)
        return cJSON_IsObject(json) ? ax_err_in(err, "name") : -1;
    const struct row *r = &rows[kind];
    *o = (ax_optimizer){kind, r->slots, r->lr, r->decay, r->momentum, r->beta1, r->beta2, r->epsilon, 0};
    if (!cJSON_IsObject(json))
        return 0;
    const char *known[8] = {"name", "learning_rate", "weight_decay"};
    int n = 3;
    for (int i = 0; r->fields[i]; i++)
        known[n++] = r->fields[i];
    if (ax_json_known(json, known, n, err) ||
        ax_json_num(json, "learning_rate", o->lr, 0, 1e3, &o->lr, err) ||
        ax_json_num(json, "weight_decay", o->weight_decay, 0, 1e3, &o->weight_decay, err) ||
        ax_json_num(json, "momentum", o->momentum, 0, 1, &o->momentum, err) ||
        ax_json_num(json, "beta1", o->beta1, 0, 0.9999999, &o->beta1, err) ||
        ax_json_num(json, "beta2", o->beta2, 0, 0.9999999, &o->beta2, err) ||
        ax_json_num(json, "epsilon", o->epsilon, 0, 1, &o->epsilon, err) ||
        ax_json_bool(json, "nesterov", 0, &o->nesterov, err))
        return -1;
    if (o->nesterov && o->momentum == 0) {
        ax_fail(err, AX_EINVAL, "nesterov needs a momentum above 0");
        return ax_err_in(err, "nesterov");
    }
    return 0;
}

const char *ax_optimizer_name(const ax_optimizer *o)
{
    return rows[o->kind].name;
}

typedef struct job {
    ax_update u;
    ax_update_fn *fn;
    float *w, *m, *v;
    const float *g;
} job;

static void stretch(void *ctx, int64_t from, int64_t to)
{
    const job *j = ctx;
    j->fn(&j->u, to - from, j->w + from, j->g + from, j->m ? j->m + from : NULL, j->v ? j->v + from : NULL);
}

void ax_optimizer_step(const ax_optimizer *o, int64_t step, double lr, int64_t n, float *w,
                       const float *g, float *const slot[2], ax_pool *pool)
{
    double t = (double)step + 1;
    job j = {.w = w, .g = g, .m = slot[0], .v = slot[1]};
    j.u = (ax_update){
        .lr = (float)lr, .weight_decay = (float)o->weight_decay, .momentum = (float)o->momentum,
        .beta1 = (float)o->beta1, .beta2 = (float)o->beta2, .epsilon = (float)o->epsilon,
        .rest1 = (float)(1 - o->beta1), .rest2 = (float)(1 - o->beta2),
        .correction1 = (float)(1 - pow(o->beta1, t)), .correction2 = (float)sqrt(1 - pow(o->beta2, t)),
        .nesterov = o->nesterov, .first = step == 0,
    };
    memcpy(&j.fn, (const char *)table() + rows[o->kind].loop, sizeof j.fn);
    ax_range(pool, n, 16384, stretch, &j);
}
