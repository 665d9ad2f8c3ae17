/* onnx_rows.c - functions of whole rows as ONNX graphs: a text for each element before, and
 * operations along the last axis behind it. Each call writes one node, so that the
 * order in a file is that of the text here. All in doubles; what only compares stays float32. */
#include <string.h>

#include "io/onnx_compose.h"

static const int64_t last = -1;

static double param(const ax_act *a, const char *name)
{
    for (int i = 0; i < AX_ACT_PARAMS && a->row->params[i].name; i++)
        if (!strcmp(a->row->params[i].name, name))
            return a->param[i];
    return 0;
}

static const char *along(ax_compose *c, const char *op, const char *x)
{
    const char *y = ax_compose_node(c, op, x, NULL, NULL);
    ax_onnx_put_int(&c->m, "axis", last);
    return y;
}

static void two_outputs(ax_compose *c, const char *op, const char *const *in, int n,
                        const char *out[2])
{
    out[0] = ax_compose_fresh(c);
    out[1] = ax_compose_fresh(c);
    ax_compose_put(c, op, in, n, out, 2);
}

/* The largest of each row into y. Axes became an input with opset 18. */
static void put_largest(ax_compose *c, const char *x, const char *y, int keep)
{
    const char *in[] = {x, c->opset < 18 ? NULL : ax_compose_ints(c, &last, 1)};
    ax_compose_put(c, "ReduceMax", in, in[1] ? 2 : 1, &y, 1);
    if (!in[1])
        ax_onnx_put_ints(&c->m, "axes", &last, 1);
    ax_onnx_put_int(&c->m, "keepdims", keep);
}

static const char *largest(ax_compose *c, const char *x)
{
    const char *y = ax_compose_fresh(c);
    put_largest(c, x, y, 1);
    return y;
}

/* ---- normalising ---- */

static void softmax(ax_compose *c, const char *x)
{
    ax_compose_end(c, along(c, "Softmax", x));
}

static void log_softmax(ax_compose *c, const char *x)
{
    ax_compose_end(c, along(c, "LogSoftmax", x));
}

/* softmax of the row and a 0 behind it, which is then left off */
static void softmax1(ax_compose *c, const char *x)
{
    static const int64_t pads[] = {0, 0, 0, 1}, from[] = {0}, to[] = {-1}, axes[] = {1};
    const char *in[4], *zero = ax_compose_number(c, 0);
    const char *padded = ax_compose_node(c, "Pad", x, ax_compose_ints(c, pads, 4), zero);
    in[0] = along(c, "Softmax", padded);
    in[1] = ax_compose_ints(c, from, 1);
    in[2] = ax_compose_ints(c, to, 1);
    in[3] = ax_compose_ints(c, axes, 1);
    const char *y = ax_compose_fresh(c);
    ax_compose_put(c, "Slice", in, 4, &y, 1);
    ax_compose_end(c, y);
}

static void hardmax(ax_compose *c)
{
    ax_compose_put(c, "Hardmax", &c->x, 1, &c->y, 1);
    ax_onnx_put_int(&c->m, "axis", last);
}

/* Rows with their largest at 0, as they are and sorted: z_1 >= z_2..., sums of the first k, and k.
 * No threshold is below -1, so what is left of -2 may as well be there: nothing is infinite. */
typedef struct sorted {
    const char *z, *falling, *k;
} sorted;

static const char *sums(ax_compose *c, const char *x)
{
    static const int64_t axis = 1;
    const char *name = ax_compose_fresh(c);
    ax_onnx_put_tensor(&c->m, name, AX_ONNX_INT64, NULL, 0, &axis, sizeof axis);
    return ax_compose_node(c, "CumSum", x, name, NULL);
}

static sorted sort(ax_compose *c, const char *x)
{
    static const int64_t second = 1;
    const char *low = ax_compose_number(c, -2), *one = ax_compose_number(c, 1);
    const char *z = ax_compose_node(c, "Sub", x, largest(c, x), NULL);
    z = ax_compose_node(c, "Max", z, low, NULL);
    const char *shape = ax_compose_node(c, "Shape", z, NULL, NULL);
    const char *n = ax_compose_node(c, "Gather", shape, ax_compose_ints(c, &second, 1), NULL);
    const char *in[] = {z, n}, *out[2];
    two_outputs(c, "TopK", in, 2, out);
    const char *none = ax_compose_node(c, "Mul", out[0], ax_compose_number(c, 0), NULL);
    const char *k = sums(c, ax_compose_node(c, "Add", none, one, NULL));
    return (sorted){z, out[0], k};
}

/* what is above the threshold; the threshold is the largest of those that the first k have */
static const char *above(ax_compose *c, const sorted *s, const char *thresholds)
{
    const char *d = ax_compose_node(c, "Sub", s->z, largest(c, thresholds), NULL);
    return ax_compose_node(c, "Max", d, ax_compose_number(c, 0), NULL);
}

/* sum of z_i - t over the first k is 1 */
static void sparsemax(ax_compose *c, const char *x)
{
    sorted s = sort(c, x);
    const char *one = ax_compose_number(c, 1);
    const char *over = ax_compose_node(c, "Sub", sums(c, s.falling), one, NULL);
    ax_compose_end(c, above(c, &s, ax_compose_node(c, "Div", over, s.k, NULL)));
}

/* sum of (z_i - t)^2 over the first k is 1: t = mean - sqrt((1 - sum (z_i - mean)^2)/k), if t <=
 * z_k */
static void entmax15(ax_compose *c, const char *x)
{
    sorted s = sort(c, x);
    const char *one = ax_compose_number(c, 1), *zero = ax_compose_number(c, 0);
    const char *sum = sums(c, s.falling), *mean = ax_compose_node(c, "Div", sum, s.k, NULL);
    const char *squares = sums(c, ax_compose_node(c, "Mul", s.falling, s.falling, NULL));
    const char *spread = ax_compose_node(c, "Mul", sum, mean, NULL);
    spread = ax_compose_node(c, "Sub", squares, spread, NULL);
    const char *left = ax_compose_node(c, "Sub", one, spread, NULL);
    left = ax_compose_node(c, "Div", ax_compose_node(c, "Max", left, zero, NULL), s.k, NULL);
    const char *t =
        ax_compose_node(c, "Sub", mean, ax_compose_node(c, "Sqrt", left, NULL, NULL), NULL);
    const char *fits = ax_compose_node(c, "LessOrEqual", t, s.falling, NULL);
    const char *y = above(c, &s, ax_compose_node(c, "Where", fits, t, ax_compose_number(c, -4)));
    ax_compose_end(c, ax_compose_node(c, "Mul", y, y, NULL));
}

/* ---- pieces ---- */

static void maxout(ax_compose *c, const ax_act *a)
{
    const int64_t shape[] = {0, -1, (int64_t)param(a, "pieces")}; /* 0: as it is */
    const char *x = ax_compose_node(c, "Reshape", c->x, ax_compose_ints(c, shape, 3), NULL);
    put_largest(c, x, c->y, 0);
}

static void crelu(ax_compose *c)
{
    const char *minus = ax_compose_node(c, "Neg", c->x, NULL, NULL);
    const char *right = ax_compose_node(c, "Relu", c->x, NULL, NULL);
    const char *left = ax_compose_node(c, "Relu", minus, NULL, NULL);
    ax_compose_put(c, "Concat", (const char *[]){right, left}, 2, &c->y, 1);
    ax_onnx_put_int(&c->m, "axis", last);
}

/* ---- gated linear units: the product of a text of either half ---- */

static void halves(ax_compose *c, const ax_act *a, const char *value, const char *gate)
{
    const char *x = ax_compose_begin(c);
    const char *half[2];
    two_outputs(c, "Split", &x, 1, half);
    ax_onnx_put_int(&c->m, "axis", last);
    if (c->opset >= 18) /* before, as many parts as outputs went without saying */
        ax_onnx_put_int(&c->m, "num_outputs", 2);
    int first = param(a, "gate_first") != 0;
    const char *u = ax_compose_formula(c, a, value, NULL, half[first]);
    const char *v = ax_compose_formula(c, a, gate, NULL, half[1 - first]);
    ax_compose_end(c, ax_compose_node(c, "Mul", u, v, NULL));
}

static const struct {
    const char *row, *value, *gate;
} units[] = {
    {"glu", "x", "sigmoid(x)"},
    {"gtu", "tanh(x)", "sigmoid(x)"},
    {"bilinear", "x", "x"},
    {"reglu", "x", "relu(x)"},
    {"geglu", "x", "gelu(x)"},
    {"swiglu", "x", "silu(x)"},
    {"swiglu_oai", "1 + clip(x, -limit, limit)", "z = min(x, limit); z*sigmoid(alpha*z)"},
};

static const struct {
    const char *row, *before;
    void (*write)(ax_compose *c, const char *x);
} normalising[] = {
    {"softmax", "x/temperature", softmax},        {"log_softmax", "x/temperature", log_softmax},
    {"softmin", "-x/temperature", softmax},       {"softmax1", "x/temperature", softmax1},
    {"gumbel_softmax", "x/temperature", softmax}, {"sparsemax", "x/temperature", sparsemax},
    {"entmax15", "x/(2*temperature)", entmax15},
};

int ax_onnx_rows(ax_compose *c, const ax_act *a)
{
    const char *name = a->row->name;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(name, units[i].row))
            return halves(c, a, units[i].value, units[i].gate), 0;
    if (!strcmp(name, "hardmax") || param(a, "hard") != 0)
        return hardmax(c), 0;
    for (size_t i = 0; i < sizeof normalising / sizeof *normalising; i++)
        if (!strcmp(name, normalising[i].row)) {
            const char *x = ax_compose_begin(c);
            normalising[i].write(c, ax_compose_formula(c, a, normalising[i].before, NULL, x));
            return 0;
        }
    if (!strcmp(name, "maxout"))
        return maxout(c, a), 0;
    if (!strcmp(name, "crelu"))
        return crelu(c), 0;
    ax_fail(c->err, AX_EUNSUPPORTED, "'%s' cannot be written as an ONNX model", name);
    return ax_err_hint(c->err, "softmax, sparsemax, glu and most others of whole rows can");
}
