/* export.c - what `make onnx-test` runs in ONNX Runtime: models, inputs, and the outputs expected.
 *
 *     onnx-export FOLDER
 *
 * Every row of the catalogue with several settings of its parameters, and formulas; each in the
 * forms it has. FOLDER gets NUMBER.onnx, NUMBER.x and NUMBER.y (float32) and the list cases.tsv:
 * number, what it is, form, operators by name or not, rows, length of a row, length of its result.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "axon.h"

enum { POINTS = 32768, ROWS = 64, ROW = 12 };

static const char *folder;
static FILE *list;
static int cases, failed;
static float x[POINTS], y[POINTS];

/* ---- inputs ---- */

static void put(int *n, double v)
{
    if (*n + 2 <= POINTS) {
        x[(*n)++] = (float)v;
        x[(*n)++] = (float)-v;
    }
}

/* v and its neighbours */
static void put_near(int *n, double v)
{
    float f = (float)v;
    put(n, (double)f);
    put(n, (double)nextafterf(f, INFINITY));
    put(n, (double)nextafterf(f, -INFINITY));
}

/* Every power of two and what is between, -100 to 100 finely, where the parameters say that
 * something happens, 0, -0, infinities, NaN. */
static int inputs(const ax_act *a)
{
    static const double places[] = {0, 0.5, 1,  1.0 / 3, 2,        2.5,    3,  4,
                                    6, 8,   20, 40,      88.72284, 103.97, 104};
    const ax_rng rng = {.seed = 7};
    int n = 0;
    for (int e = -149; e < 128; e++)
        for (int k = 0; k < 3; k++)
            put(&n, ldexp(1 + k / 3.0 * (e > -126), e));
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        put_near(&n, places[i]);
    for (int i = 0; i < AX_ACT_PARAMS && a->row->params[i].name; i++) {
        put_near(&n, a->param[i]);
        if (a->param[i] != 0)
            put_near(&n, 1 / a->param[i]);
    }
    put(&n, INFINITY);
    x[n++] = NAN;
    for (int i = 0; i <= 1600; i++)
        put(&n, i / 16.0);
    for (int i = 0; i < 3000; i++)
        put(&n, (double)ax_rng_uniform(rng, (uint64_t)i) * (i % 2 ? 8 : 100));
    return n;
}

/* rows of all kinds: near each other, far apart, equal, with infinities */
static void row_inputs(int rows, int len)
{
    static const float odd[] = {0, 1, 1, -INFINITY, 2, 2, 50, -3, -100, 1e-30f, -0.0f, 3e38f};
    const ax_rng rng = {.seed = 8};
    for (int r = 0; r < rows; r++)
        for (int i = 0; i < len; i++) {
            double scale = ldexp(1, r % 16 - 8);
            double v = ((double)ax_rng_uniform(rng, (uint64_t)(r * len + i)) - 0.5) * scale +
                       (r % 5 == 0 ? 100 : 0);
            x[r * len + i] = r == 1 ? 0 : r == 2 ? odd[i % 12] : r == 3 ? odd[i % 11] : (float)v;
        }
}

/* ---- cases ---- */

static void save(const char *suffix, const void *data, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%d.%s", folder, cases, suffix);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

static const char *describe(const ax_act *a, char *text, size_t size)
{
    size_t n = (size_t)snprintf(text, size, "%s", a->row->program ? a->row->formula : a->row->name);
    for (int i = 0; i < AX_ACT_PARAMS && a->row->params[i].name && n < size; i++)
        if (a->param[i] != a->row->params[i].def || a->row->program)
            n +=
                (size_t)snprintf(text + n, size - n, " %s=%g", a->row->params[i].name, a->param[i]);
    return text;
}

static void write_case(const ax_act *a, ax_onnx_form form)
{
    ax_pb b = {0};
    ax_err err = {0};
    char text[1200];
    int vector = a->row->kind == AX_ACT_VECTOR, rows = 1, len, out;
    describe(a, text, sizeof text);
    if (ax_act_write_onnx(a, form, &b, &err) < 0) {
        fprintf(stderr, "%s: %s\n", text, err.msg);
        failed = 1;
    }
    if (vector) {
        len = ROW * (int)ax_act_out_div(a);
        rows = ROWS * len <= POINTS ? ROWS : POINTS / len;
        out = (int)ax_act_out_len(a, len);
        row_inputs(rows, len);
        ax_act_rows(a, x, y, rows, len, 1);
    } else {
        len = out = inputs(a);
        ax_act_forward(a, x, y, (size_t)len);
    }
    save("onnx", b.data, b.len);
    save("x", x, (size_t)rows * (size_t)len * sizeof *x);
    save("y", y, (size_t)rows * (size_t)out * sizeof *y);
    fprintf(list, "%d\t%s\t%s\t%d\t%d\t%d\t%d\n", cases++, text,
            form == AX_ONNX_EXACT ? "exact" : "named", vector, rows, len, out);
    ax_pb_free(&b);
}

static int composed_anyway(const ax_act *a)
{
    ax_pb b = {0}, c = {0};
    ax_act_write_onnx(a, AX_ONNX_NAMED, &b, NULL);
    ax_act_write_onnx(a, AX_ONNX_EXACT, &c, NULL);
    int same = b.len == c.len && !memcmp(b.data, c.data, b.len);
    ax_pb_free(&b);
    ax_pb_free(&c);
    return same;
}

static void both_forms(const ax_act *a)
{
    if (!composed_anyway(a))
        write_case(a, AX_ONNX_NAMED);
    write_case(a, AX_ONNX_EXACT);
}

/* each parameter a bit smaller, a bit larger, far larger, as far as its bounds let it */
static void settings(const ax_act_row *row)
{
    ax_act a;
    if (ax_act_by_name(row->name, &a, NULL) < 0)
        exit(1);
    both_forms(&a);
    for (int i = 0; i < AX_ACT_PARAMS && row->params[i].name; i++) {
        const double def = a.param[i], far = def * 30 + 1;
        const double tries[] = {def * 0.7 - 0.1, def * 1.3 + 0.2, far, 0, far == 1 ? def : 1};
        for (size_t k = 0; k < sizeof tries / sizeof *tries; k++) {
            double v = row->whole >> i & 1 ? floor(tries[k]) : tries[k];
            if (v == def || ax_act_set(&a, row->params[i].name, v, NULL) < 0)
                continue;
            both_forms(&a);
            a.param[i] = def;
        }
    }
}

static const char *const formulas[] = {
    "{\"formula\":\"x\"}",
    "{\"formula\":\"2\"}",
    "{\"formula\":\"x > 0\"}",
    "{\"formula\":\"x*(x > 0 && x < 3)\"}",
    "{\"formula\":\"x*sigmoid(beta*x)\",\"params\":{\"beta\":1.7}}",
    "{\"formula\":\"s = exp(-abs(x)); x < 0 ? s/(1+s) : 1/(1+s)\"}",
    "{\"formula\":\"mish(swish(x, beta))\",\"params\":{\"beta\":2}}",
    "{\"formula\":\"log(1 + exp(x)) + x\"}",
    "{\"formula\":\"expm1(x/3)*sech(x/4)\"}",
    "{\"formula\":\"log1p(x^2)\"}",
    "{\"formula\":\"cbrt(x)\"}",
    "{\"formula\":\"sign(x)*log1p(abs(x))\"}",
    "{\"formula\":\"x - tanh(x)\"}",
    "{\"formula\":\"sinh(clip(x, -50, 50))/cosh(x/2)\"}",
    "{\"formula\":\"log(cosh(x))\"}",
    "{\"formula\":\"x*exp(x)\"}",
    "{\"formula\":\"x*Phi(x) + phi(x)\"}",
    "{\"formula\":\"erfc(x)\"}",
    "{\"formula\":\"erf(x)^3\"}",
    "{\"formula\":\"atan(x)/pi\"}",
    "{\"formula\":\"tan(tanh(x))\"}",
    "{\"formula\":\"floor(x) + sin(pi*x)^2\"}",
    "{\"formula\":\"abs(x)^p*sign(x)\",\"params\":{\"p\":1.5}}",
    "{\"formula\":\"max(x, 0)^2 - min(x, 0)^3\"}",
    "{\"formula\":\"x == 0 ? 1 : !(x < 2) || x <= -2 ? x : x != 1 ? x/2 : 7\"}",
    "{\"formula\":\"(sqrt(x^2 + 1) + x)/2\"}",
    "{\"formula\":\"sqrt(1 + x^2) - 1\"}",
    "{\"formula\":\"1 - cos(x)\"}",
    "{\"formula\":\"where(x > 0, softplus(x), 0.1*x)\"}",
    "{\"formula\":\"a*x^7 - b\",\"params\":{\"a\":1e-3,\"b\":2}}",
};

static void formula(const char *json)
{
    ax_arena mem;
    ax_act a;
    ax_err err;
    ax_arena_init(&mem, 0);
    cJSON *o = cJSON_Parse(json);
    if (ax_act_from_json(o, &mem, &a, &err) < 0) {
        fprintf(stderr, "%s: %s\n", json, err.msg);
        exit(1);
    }
    write_case(&a, AX_ONNX_EXACT);
    cJSON_Delete(o);
    ax_arena_fini(&mem);
}

int main(int argc, char **argv)
{
    char path[512];
    int n;
    const ax_act_row *row = ax_act_catalog(&n);
    if (argc != 2)
        return 2;
    folder = argv[1];
    snprintf(path, sizeof path, "%s/cases.tsv", folder);
    if (!(list = fopen(path, "w")))
        return 1;
    for (int i = 0; i < n; i++)
        settings(&row[i]);
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++)
        formula(formulas[i]);
    return fclose(list) != 0 || failed;
}
