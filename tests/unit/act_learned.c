/* act_learned.c - learned parameters of rows of the catalogue: whoever may be learned is, by every
 * name; f keeps the bits of its kernel; the gradient of each parameter is that of the reference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "act_json.h"
#include "act_reference.h"
#include "ops/ops.h"

enum { N = 2000 };

static float x[N], dy[N];

/* name (of a dialect, unless NULL) with these values, learning `learned`, bit by bit */
static void bind(const ax_act_row *row, const char *name, const char *dialect, const double *p,
                 unsigned learned, ax_arena *arena, ax_act *a)
{
    ax_err err;
    cJSON *o = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(o, "learnable");
    cJSON_AddStringToObject(o, "name", name);
    if (dialect)
        cJSON_AddStringToObject(o, "dialect", dialect);
    for (int i = 0; i < AX_ACT_PARAMS && row->params[i].name; i++) {
        if (p)
            cJSON_AddNumberToObject(o, row->params[i].name, p[i]);
        if (learned >> i & 1)
            cJSON_AddItemToArray(list, cJSON_CreateString(row->params[i].name));
    }
    if (ax_act_from_json(o, arena, a, &err) < 0)
        fail_msg("%s: %s at %s", name, err.msg, err.at);
    cJSON_Delete(o);
    assert_ptr_equal(a->row, row);
    assert_int_equal(a->learned, learned);
    assert_true(!learned == !a->gradient);
}

static unsigned learnable(const ax_act_row *row)
{
    unsigned all = 0;
    for (int i = 0; i < AX_ACT_PARAMS && row->params[i].name; i++)
        all |= (unsigned)row->params[i].learnable << i;
    return all;
}

/* alone and all together, by name, alias and the names of other frameworks */
static void test_binds(void **state)
{
    (void)state;
    int n, rows = 0;
    const ax_act_row *row = ax_act_catalog(&n);
    for (int r = 0; r < n; r++) {
        unsigned all = learnable(&row[r]);
        ax_arena arena;
        ax_act a, b;
        ax_arena_init(&arena, 0);
        for (int i = 0; i < AX_ACT_PARAMS; i++)
            if (all >> i & 1)
                bind(&row[r], row[r].name, NULL, NULL, 1u << i, &arena, &a);
        bind(&row[r], row[r].name, NULL, NULL, all, &arena, &a);
        for (int k = 0; row[r].aliases[k]; k++)
            bind(&row[r], row[r].aliases[k], NULL, NULL, all, &arena, &b);
        for (int d = 0; d < AX_ACT_DIALECTS && row[r].dialects[d].dialect; d++)
            bind(&row[r], row[r].dialects[d].name, row[r].dialects[d].dialect, NULL, all, &arena,
                 &b);
        cJSON *out = ax_act_to_json(&a);
        assert_int_equal(ax_act_from_json(out, &arena, &b, NULL), 0);
        assert_true(b.row == a.row && b.learned == a.learned);
        assert_memory_equal(b.param, a.param, sizeof a.param);
        assert_true(all ? cJSON_IsObject(out) : cJSON_IsString(out));
        cJSON_Delete(out);
        ax_arena_fini(&arena);
        rows += all != 0;
    }
    assert_true(rows >= 11);
}

/* ---- what the op computes ---- */

typedef struct learned {
    ax_act act;
    float value[AX_ACT_PARAMS]; /* of each learned parameter */
    ax_desc in[2 + AX_ACT_PARAMS];
    ax_call call;
} learned;

static void make(learned *l, const ax_learned_attr *attr, float *y, float *scratch)
{
    int k = 0;
    l->in[0] = (ax_desc){AX_F32, AX_SHAPE(N)};
    l->call =
        (ax_call){.attr = attr, .in = l->in, .n_out = 1, .x = {x}, .y = {y}, .scratch = scratch};
    for (int i = 0; i < AX_ACT_PARAMS; i++) {
        if (!(attr->act.learned >> i & 1))
            continue;
        l->value[k] = (float)attr->act.param[i];
        l->call.x[1 + k] = &l->value[k];
        l->in[1 + k++] = (ax_desc){AX_F32, AX_SHAPE(1)};
    }
    l->in[1 + k] = l->in[0];
    l->call.x[1 + k] = dy;
    l->call.n_in = 2 + k;
}

/* the op's f and dx have the bits of the row with these values */
static void same_as_kernel(const ref_case *c, const ax_learned_attr *attr)
{
    static float y[N], want[N], scratch[8];
    learned l = {0};
    ax_act plain = {.row = attr->act.row};
    make(&l, attr, y, scratch);
    for (int i = 0; i < AX_ACT_PARAMS; i++) /* what a float32 tensor holds of it */
        plain.param[i] =
            attr->act.learned >> i & 1 ? (float)attr->act.param[i] : attr->act.param[i];
    ax_act_forward(&plain, x, want, N);
    ax_op_activation_learned.run(&l.call);
    if (memcmp(y, want, sizeof y))
        fail_msg("%s: f is not that of the kernel", c->name);
    ax_act_backward(&plain, x, dy, want, N);
    ax_op_learned_dx.run(&l.call);
    if (memcmp(y, want, sizeof y))
        fail_msg("%s: dx is not that of the kernel", c->name);
}

/* f with parameter `param` h aside */
static real aside(const ref_case *c, const double *p, int param, double h, float at)
{
    double moved[REF_PARAMS];
    memcpy(moved, p, sizeof moved);
    moved[param] += h;
    return c->f(moved, at);
}

/* df/dp by central differences of two widths, which together leave the fourth order. NAN where the
 * slopes to both sides differ: a kink of the parameter, where conventions would be compared. */
static real difference(const ref_case *c, const double *p, int param, float at)
{
    const double h = 0x1p-20;
    real d[2], here = c->f(p, at);
    for (int k = 0; k < 2; k++) {
        real up = aside(c, p, param, (k + 1) * h, at), down = aside(c, p, param, -(k + 1) * h, at);
        real right = (up - here) / ((k + 1) * h), left = (here - down) / ((k + 1) * h);
        if (fabs(right - left) > 0.01L * (fabs(right) + fabs(left)) + 0x1p-58L * fabs(here) / h)
            return NAN;
        d[k] = (right + left) / 2;
    }
    return (4 * d[0] - d[1]) / 3;
}

static void check_gradient(const ref_case *c, const ax_learned_attr *of, int param)
{
    static float weight[N];
    ax_learned_attr attr = *of;
    learned l = {0};
    float got, scratch[8];
    double p[REF_PARAMS];
    real want = 0, mag = 0;
    int kinks = 0;
    attr.param = param;
    make(&l, &attr, &got, scratch);
    l.call.x[l.call.n_in - 1] = weight;
    for (int i = 0; i < REF_PARAMS; i++)
        p[i] = attr.act.learned >> i & 1 ? (float)attr.act.param[i] : attr.act.param[i];
    for (int i = 0; i < N; i++) {
        real slope = difference(c, p, param, x[i]);
        weight[i] = isnan(slope) ? 0 : dy[i];
        kinks += isnan(slope);
        want += isnan(slope) ? 0 : slope * dy[i];
        mag += isnan(slope) ? 0 : fabs(slope * dy[i]);
    }
    if (kinks > N / 50)
        fail_msg("%s: %d kinks", c->name, kinks);
    ax_op_learned_dp.run(&l.call);
    real bound = fabs(want) * 0x1p-24L + mag * 1e-10L;
    if (!(fabs(got - want) <= bound))
        fail_msg("%s(%g, %g, %g...): the gradient of %s is %.9g, expected %.9Lg within %.2Lg",
                 c->name, p[0], p[1], p[2], attr.act.row->params[param].name, (double)got, want,
                 bound);
}

/* each set of values that the reference has of a row, one parameter alone and all together */
static void test_gradients(void **state)
{
    (void)state;
    unsigned seen = 0;
    int n, most = 0;
    const ax_act_row *rows = ax_act_catalog(&n);
    for (int r = 0; r < n; r++)
        most += __builtin_popcount(learnable(&rows[r]));
    for (int r = 0; r < n; r++) {
        unsigned all = learnable(&rows[r]), checked = 0;
        for (int k = 0; k < REF_CASES && all; k++) {
            const ref_case *c = &ref_cases[k];
            ax_arena arena;
            if (strcmp(c->name, rows[r].name) != 0)
                continue;
            ax_arena_init(&arena, 0);
            ax_learned_attr attr = {0};
            bind(&rows[r], c->name, NULL, c->p, all, &arena, &attr.act);
            same_as_kernel(c, &attr);
            for (int i = 0; i < AX_ACT_PARAMS; i++) {
                ax_learned_attr alone = {0};
                if (!(all >> i & 1))
                    continue;
                check_gradient(c, &attr, i);
                bind(&rows[r], c->name, NULL, c->p, 1u << i, &arena, &alone.act);
                same_as_kernel(c, &alone);
                check_gradient(c, &alone, i);
                checked |= 1u << i;
            }
            ax_arena_fini(&arena);
        }
        assert_int_equal(checked, all);
        seen += (unsigned)__builtin_popcount(checked);
    }
    assert_int_equal(seen, most);
    assert_true(most > 30);
}

/* ---- text ---- */

static const act_trip trips[] = {
    {"{\"name\":\"swish\",\"learnable\":[\"beta\"]}",
     "{\"name\":\"swish\",\"beta\":1,\"learnable\":[\"beta\"]}"},
    {"{\"learnable\":[\"beta\"],\"beta\":1.5,\"name\":\"swish\"}",
     "{\"name\":\"swish\",\"beta\":1.5,\"learnable\":[\"beta\"]}"},
    {"{\"name\":\"Swish\",\"dialect\":\"onnx\",\"learnable\":[\"beta\",\"beta\"]}",
     "{\"name\":\"swish\",\"beta\":1,\"learnable\":[\"beta\"]}"},
    {"{\"name\":\"acon_c\",\"p2\":0.25,\"learnable\":[\"beta\",\"p1\"]}",
     "{\"name\":\"acon_c\",\"p1\":1,\"p2\":0.25,\"beta\":1,\"learnable\":[\"p1\",\"beta\"]}"},
    {"{\"name\":\"xielu\",\"learnable\":[\"alpha_n\"]}",
     "{\"name\":\"xielu\",\"alpha_p\":0.8,\"alpha_n\":0.8,\"beta\":0.5,\"learnable\":[\"alpha_n\"]"
     "}"},
    {"{\"name\":\"prelu\",\"learnable\":[\"alpha\"]}",
     "{\"name\":\"prelu\",\"alpha\":0.25,\"learnable\":[\"alpha\"]}"},
    {"{\"name\":\"swish\",\"learnable\":[]}", "\"swish\""},
    {"{\"name\":\"softmax\",\"learnable\":[]}", "\"softmax\""},
};

static void test_round_trips(void **state)
{
    (void)state;
    check_trips(trips, sizeof trips / sizeof *trips);
}

static const act_refusal errors[] = {
    {"{\"name\":\"swish\",\"learnable\":\"beta\"}", AX_ETYPE, "a list", "learnable", ""},
    {"{\"name\":\"swish\",\"learnable\":true}", AX_ETYPE, "a list", "learnable", ""},
    {"{\"name\":\"swish\",\"learnable\":[1]}", AX_ETYPE, "name of a param", "learnable[0]", ""},
    {"{\"name\":\"swish\",\"learnable\":[\"beta\",\"gamma\"]}", AX_EINVAL,
     "no parameter 'gamma'", "learnable[1]", "'swish' can learn: beta"},
    {"{\"name\":\"acon_c\",\"learnable\":[\"P1\"]}", AX_EINVAL, "'P1'", "learnable[0]",
     "'acon_c' can learn: p1, p2, beta"},
    {"{\"name\":\"xielu\",\"learnable\":[\"alpha_p\",\"beta\"]}", AX_EINVAL,
     "xielu: beta cannot be learned", "learnable[1]", "'xielu' can learn: alpha_p, alpha_n"},
    {"{\"name\":\"e_swish\",\"learnable\":[\"beta\"]}", AX_EINVAL, "beta cannot be learned",
     "learnable[0]", "a formula may learn any"},
    {"{\"name\":\"relu\",\"learnable\":[\"alpha\"]}", AX_EINVAL,
     "'relu' has no parameter 'alpha'", "learnable[0]", "nothing to learn"},
    {"{\"name\":\"softmax\",\"learnable\":[\"temperature\"]}", AX_EINVAL,
     "temperature cannot be learned", "learnable[0]", "functions of whole rows learn no"},
    {"{\"name\":\"pau\",\"learnable\":[\"a9\"]}", AX_EINVAL, "'a9'", "learnable[0]",
     "can learn: a0, a1, a2, a3, a4, a5, b1, b2, b3, b4"},
    {"{\"name\":\"swish\",\"learnable\":[],\"learnable\":[]}", AX_EINVAL, "'learnable'", "", ""},
    {"{\"name\":\"swish\",\"beta\":1e4,\"learnable\":[\"beta\"]}", AX_ERANGE, "beta is 10000",
     "beta", ""},
};

static void test_errors(void **state)
{
    (void)state;
    check_refusals(errors, sizeof errors / sizeof *errors);
}

static int fill(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++) {
        uint32_t a = (uint32_t)i * 2654435761u, b = ((uint32_t)i + N) * 2654435761u;
        x[i] = (float)(a >> 8) * 0x1p-21f - 4;
        dy[i] = (float)(b >> 8) * 0x1p-24f + 0.5f;
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binds),
        cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
