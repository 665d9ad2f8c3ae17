/* onnx_activation.c - see onnx_activation.h.
 *
 * One table says how rows of the catalogue are told in the operators they name. Attributes are
 * always written, since defaults differ: HardSigmoid's slope is 0.2, not 1/6. */
#include "io/onnx_activation.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "io/onnx_compose.h"

/* An attribute, or a further input, of an operator. */
typedef struct filler {
    enum { NONE, ATTRIBUTE, BELOW, AXIS, WORD, INPUT } as; /* BELOW: f jumps there */
    const char *name;
    const char *from; /* the parameter of that name, or the word; NULL: v */
    double v;
} filler;

/* opset: the first in which the operator means this */
typedef struct mapping {
    const char *row;
    int opset;
    const char *only; /* parameter that must be `is`; NULL: any values will do */
    double is;
    filler with[2];
} mapping;

#define ALONG_AXIS                                                                                 \
    {                                                                                              \
        {                                                                                          \
            AXIS, "axis", NULL, -1                                                                 \
        }                                                                                          \
    }

/* clang-format off */
static const mapping mappings[] = {
    {"identity",       1, NULL, 0, {{0}}},
    {"relu",           6, NULL, 0, {{0}}},
    {"relu6",         13, NULL, 0, {{INPUT, "min", NULL, 0}, {INPUT, "max", "ceiling", 0}}},
    {"leaky_relu",     6, NULL, 0, {{ATTRIBUTE, "alpha", "alpha", 0}}},
    {"prelu",          9, NULL, 0, {{INPUT, "slope", "alpha", 0}}},
    {"threshold",     10, "value", 0, {{BELOW, "alpha", "theta", 0}}},
    {"abs",            6, NULL, 0, {{0}}},
    {"elu",            6, NULL, 0, {{ATTRIBUTE, "alpha", "alpha", 0}}},
    {"celu",          12, NULL, 0, {{ATTRIBUTE, "alpha", "alpha", 0}}},
    {"selu",           6, NULL, 0, {{ATTRIBUTE, "alpha", "alpha", 0},
                                    {ATTRIBUTE, "gamma", "lambda", 0}}},
    {"softplus",       1, "beta", 1, {{0}}},
    {"exponential",    6, NULL, 0, {{0}}},
    {"hard_shrink",    9, NULL, 0, {{BELOW, "lambd", "lambda", 0},
                                    {ATTRIBUTE, "bias", NULL, 0}}},
    {"soft_shrink",    9, NULL, 0, {{ATTRIBUTE, "lambd", "lambda", 0},
                                    {ATTRIBUTE, "bias", "lambda", 0}}},
    {"sigmoid",        6, NULL, 0, {{0}}},
    {"hard_sigmoid",   6, NULL, 0, {{ATTRIBUTE, "alpha", "alpha", 0},
                                    {ATTRIBUTE, "beta", "beta", 0}}},
    {"sparse_sigmoid", 6, NULL, 0, {{ATTRIBUTE, "alpha", NULL, 0.5},
                                    {ATTRIBUTE, "beta", NULL, 0.5}}},
    {"tanh",           6, NULL, 0, {{0}}},
    {"hard_tanh",     13, NULL, 0, {{INPUT, "min", "min_val", 0}, {INPUT, "max", "max_val", 0}}},
    {"softsign",       1, NULL, 0, {{0}}},
    {"arctan",         7, NULL, 0, {{0}}},
    {"erf",            9, NULL, 0, {{0}}},
    {"silu",          24, NULL, 0, {{ATTRIBUTE, "alpha", NULL, 1}}},
    {"swish",         24, NULL, 0, {{ATTRIBUTE, "alpha", "beta", 0}}},
    {"quick_gelu",    24, NULL, 0, {{ATTRIBUTE, "alpha", "alpha", 0}}},
    {"hard_swish",    14, NULL, 0, {{0}}},
    {"gelu",          20, NULL, 0, {{WORD, "approximate", "none", 0}}},
    {"gelu_tanh",     20, NULL, 0, {{WORD, "approximate", "tanh", 0}}},
    {"mish",          18, NULL, 0, {{0}}},
    {"sin",            7, "omega", 1, {{0}}},
    {"cos",            7, "omega", 1, {{0}}},
    {"softmax",       13, "temperature", 1, ALONG_AXIS},
    {"log_softmax",   13, "temperature", 1, ALONG_AXIS},
    {"hardmax",       13, NULL, 0, ALONG_AXIS},
};
/* clang-format on */
enum { WITH = sizeof mappings->with / sizeof *mappings->with };

static double param(const ax_act *a, const char *name)
{
    int i = 0;
    while (strcmp(a->row->params[i].name, name) != 0)
        i++;
    return a->param[i];
}

static double value(const ax_act *a, const filler *f)
{
    return f->from ? param(a, f->from) : f->v;
}

/* All numbers that the operator wants are float32, or round to one. */
static int fits(const ax_act *a, const mapping *m)
{
    if (m->only && param(a, m->only) != m->is)
        return 0;
    for (int i = 0; i < WITH && m->with[i].as; i++) {
        double v = m->with[i].as == WORD ? 0 : fabs(value(a, &m->with[i]));
        if (v != 0 && !(v >= (double)FLT_MIN && v <= (double)FLT_MAX))
            return 0;
    }
    return 1;
}

static const mapping *find_mapping(const ax_act *a)
{
    for (size_t i = 0; i < sizeof mappings / sizeof *mappings; i++)
        if (!strcmp(mappings[i].row, a->row->name) && !a->row->program)
            return fits(a, &mappings[i]) ? &mappings[i] : NULL;
    return NULL;
}

/* The largest float32 that is not above v: x > it where x > v, for each float32 x. */
static float below(double v)
{
    float f = (float)v;
    return (double)f > v ? nextafterf(f, -INFINITY) : f;
}

static void write_attributes(ax_onnx *m, const ax_act *a, const mapping *how, int axis)
{
    for (int i = 0; i < WITH; i++) {
        const filler *f = &how->with[i];
        if (f->as == ATTRIBUTE)
            ax_onnx_put_float(m, f->name, (float)value(a, f));
        else if (f->as == BELOW)
            ax_onnx_put_float(m, f->name, below(value(a, f)));
        else if (f->as == AXIS)
            ax_onnx_put_int(m, f->name, axis);
        else if (f->as == WORD)
            ax_onnx_put_text(m, f->name, f->from);
    }
}

/* The operator is the first word of what the catalogue has. */
static int write_named(ax_compose *c, const ax_act *a, const mapping *how, int axis)
{
    const char *in[1 + WITH] = {c->x}, *onnx = a->row->onnx;
    const char *op = ax_arena_memdup(c->mem, onnx, strcspn(onnx, " "));
    int n = 1;
    if (!op)
        return ax_fail(c->err, AX_ENOMEM, "no memory for an ONNX model");
    for (int i = 0; i < WITH; i++) {
        if (how->with[i].as != INPUT)
            continue;
        float v = (float)value(a, &how->with[i]);
        in[n] = c->layer ? ax_compose_name(c, how->with[i].name) : how->with[i].name;
        ax_onnx_put_tensor(&c->m, in[n++], AX_ONNX_FLOAT, NULL, 0, &v, sizeof v);
    }
    ax_compose_need(c, how->opset);
    ax_compose_put(c, op, in, n, &c->y, 1);
    write_attributes(&c->m, a, how, axis);
    return 0;
}

static int write_composed(ax_compose *c, const ax_act *a)
{
    ax_compose_need(c, AX_COMPOSE_OPSET);
    if (a->row->kind == AX_ACT_VECTOR)
        return ax_onnx_rows(c, a);
    const char *x = ax_compose_begin(c);
    ax_compose_end(c, ax_compose_formula(c, a, a->row->formula, a->row->program, x));
    return 0;
}

/* In functions of rows y may have another length. */
static void write_ends(ax_onnx *m, const ax_act *a)
{
    int64_t len = ax_act_out_div(a);
    int element = a->row->kind == AX_ACT_ELEMENT, same = element || ax_act_out_len(a, len) == len;
    const char *const x[] = {"rows", "n"}, *const y[] = {"rows", same ? "n" : "m"};
    ax_onnx_put_value(m, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, x + element, 2 - element);
    ax_onnx_put_value(m, AX_ONNX_OUTPUT, "y", AX_ONNX_FLOAT, y + element, 2 - element);
}

static const mapping *choose(const ax_act *a, ax_onnx_form form)
{
    return form == AX_ONNX_NAMED ? find_mapping(a) : NULL;
}

int ax_act_onnx_any_axis(const ax_act *a, ax_onnx_form form)
{
    const mapping *how = choose(a, form);
    return how && how->with[0].as == AXIS;
}

int ax_act_put_onnx(ax_compose *c, const ax_act *a, ax_onnx_form form, int axis)
{
    const mapping *how = choose(a, form);
    int bad = how ? write_named(c, a, how, axis) : write_composed(c, a);
    return bad || c->failed ? -1 : 0;
}

int ax_act_write_onnx(const ax_act *a, ax_onnx_form form, ax_pb *out, ax_err *err)
{
    const mapping *how = choose(a, form);
    ax_arena mem;
    ax_arena_init(&mem, 0);
    ax_compose c = {.mem = &mem, .err = err, .x = "x", .y = "y"};
    c.opset = how ? how->opset : AX_COMPOSE_OPSET;
    ax_onnx_begin(&c.m, out, c.opset, a->row->name, a->row->formula);
    write_ends(&c.m, a);
    int bad = ax_act_put_onnx(&c, a, form, -1);
    ax_onnx_end(&c.m);
    ax_arena_fini(&mem);
    if (!bad && out->failed)
        bad = ax_fail(err, AX_ENOMEM, "no memory for an ONNX model");
    return bad ? -1 : 0;
}
