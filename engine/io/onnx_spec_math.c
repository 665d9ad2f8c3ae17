/* onnx_spec_math.c - arithmetic in a file of ONNX as what a spec has for it: an activation of each
 * number (a row of the catalogue, or a formula), a normal input, a batch_norm that only scales and
 * shifts, a bias. See onnx_spec_impl.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/number.h"
#include "io/onnx_spec_impl.h"

/* Longer and deeper formulas are cut into two activations, far from the grammar's own bounds. */
enum { LONGEST_TEXT = 240, DEEPEST_TEXT = 10, MOST_NORMAL_CHANNELS = 65536 };

/* ---- functions of each number ---------------------------------------------------------------- */

/* What exporters write for activations that the file's opset has no operator for. */
static const struct {
    const char *text, *row;
} spellings[] = {
    {"(x*sigmoid(x))", "silu"},
    {"(sigmoid(x)*x)", "silu"},
    {"(x*tanh(softplus(x)))", "mish"},
    {"(tanh(softplus(x))*x)", "mish"},
    {"((x*(erf((x/1.4142135381698608))+1))*0.5)", "gelu"},
    {"(x*((erf((x/1.4142135381698608))+1)*0.5))", "gelu"},
    {"((x*0.5)*(erf((x/1.4142135381698608))+1))", "gelu"},
    {"(x*(0.5*(1+erf((x*0.7071067690849304)))))", "gelu"},
    {"(x*hard_sigmoid(x, 0.1666666716337204))", "hard_swish"},
    {"((x*min(max((x+3), 0), 6))/6)", "hard_swish"},
    {"(x*(min(max((x+3), 0), 6)/6))", "hard_swish"},
    {"min(max(x, 0), 6)", "relu6"},
};

static cJSON *act_json(const said *x)
{
    cJSON *o = x->act.row ? ax_act_to_json(&x->act) : NULL;
    for (size_t i = 0; !o && i < sizeof spellings / sizeof *spellings; i++)
        if (!strcmp(spellings[i].text, x->text))
            return cJSON_CreateString(spellings[i].row);
    if (!o && (o = cJSON_CreateObject()))
        cJSON_AddStringToObject(o, "formula", x->text);
    return o;
}

static int settle_expr(speller *s, ax_val v)
{
    said x = s->val[v];
    int l = x.layer;
    if (l >= 0 && s->layer[l].open && onnx_say_inside(s, x.base, v)) {
        s->layer[l].open = 0;
        s->layer[l].no_bias = 0;
    } else {
        l = onnx_say_layer(s, "activation", &x.layer, 1);
    }
    onnx_say_item(s, l, "activation", act_json(&x));
    return onnx_say_value(s, v, l, &x.shape);
}

static int put_expr(speller *s, ax_val v, const said *of, const char *text)
{
    s->failed |= !text;
    s->val[v] = (said){
        .kind = SAID_EXPR, .layer = of->layer, .shape = of->shape, .base = of->base, .text = text};
    return s->failed ? -1 : 0;
}

static int is_short(const char *text)
{
    int depth = 0, most = 0;
    for (const char *c = text; *c; c++) {
        depth += (*c == '(') - (*c == ')');
        most = depth > most ? depth : most;
    }
    return strlen(text) < LONGEST_TEXT && most < DEEPEST_TEXT;
}

/* v as a function of what a layer gives: the text, and *of: that layer. NULL: broken. */
static const char *text_of(speller *s, ax_val v, said *of)
{
    said *x = &s->val[v];
    int fits = x->kind == SAID_EXPR && is_short(x->text);
    if (!fits && !(x = onnx_say_settled(s, v)))
        return NULL;
    *of = *x;
    return fits ? x->text : "x";
}

/* "elu(x, 0.5)"; the parameters are left out where they are the defaults. */
static const char *call(speller *s, const ax_act *act, const char *x)
{
    const ax_act_param *p = act->row->params;
    const char *text = ax_arena_printf(s->mem, "%s(%s", act->row->name, x);
    int n = 0;
    for (int i = 0; i < AX_ACT_PARAMS && p[i].name; i++)
        if (act->param[i] != p[i].def)
            n = i + 1;
    for (int i = 0; text && i < n; i++)
        text = ax_arena_printf(s->mem, "%s, %s", text, AX_NUMBER(act->param[i]));
    return text ? ax_arena_printf(s->mem, "%s)", text) : NULL;
}

int onnx_say_act(speller *s, ax_val x, const ax_act *act, ax_val y)
{
    said of;
    const char *text = text_of(s, x, &of);
    if (!text)
        return -1;
    if (!strcmp(act->row->name, "identity")) {
        s->val[y] = s->val[x];
        return 0;
    }
    if (put_expr(s, y, &of, call(s, act, text)))
        return -1;
    if (!strcmp(text, "x"))
        s->val[y].act = *act;
    return 0;
}

int onnx_say_unary(speller *s, const ax_node *n)
{
    static const struct {
        const char *op, *before, *behind;
    } texts[] = {
        {"Abs", "abs(", ")"},     {"Neg", "(-", ")"},          {"Sign", "sign(", ")"},
        {"Floor", "floor(", ")"}, {"Ceil", "(-floor(-", "))"}, {"Reciprocal", "(1/", ")"},
        {"Sqrt", "sqrt(", ")"},   {"Log", "log(", ")"},        {"Sin", "sin(", ")"},
        {"Cos", "cos(", ")"},     {"Tan", "tan(", ")"},        {"Sinh", "sinh(", ")"},
        {"Cosh", "cosh(", ")"},   {"Atan", "atan(", ")"},
    };
    const char *op = ((const ax_unary_attr *)n->attr)->row->name;
    said of;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(texts[i].op, op) != 0)
            continue;
        const char *x = text_of(s, n->in[0], &of);
        return !x ? -1
                  : put_expr(
                        s, n->out, &of,
                        ax_arena_printf(s->mem, "%s%s%s", texts[i].before, x, texts[i].behind));
    }
    return onnx_say_trouble(s, "formulas have no %s", op);
}

/* "(a+b)" */
static const struct {
    ax_binary_kind kind;
    const char *before, *between;
} forms[] = {
    {AX_BINARY_ADD, "(", "+"},     {AX_BINARY_SUB, "(", "-"}, {AX_BINARY_MUL, "(", "*"},
    {AX_BINARY_DIV, "(", "/"},     {AX_BINARY_POW, "(", "^"}, {AX_BINARY_MIN, "min(", ", "},
    {AX_BINARY_MAX, "max(", ", "},
};

static int put_pair(speller *s, const ax_node *n, ax_binary_kind kind, const said *of,
                    const char *a, const char *b)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].kind == kind)
            return put_expr(
                s, n->out, of,
                ax_arena_printf(s->mem, "%s%s%s%s)", forms[i].before, a, forms[i].between, b));
    return onnx_say_trouble(s, "comparisons are no layers");
}

static const char *number_text(float v, char *to, size_t size)
{
    snprintf(to, size, signbit(v) ? "(%s)" : "%s", AX_NUMBER((double)v));
    return to;
}

/* ---- scales and shifts per channel ----------------------------------------------------------- */

/* Numbers per channel, or one for all. 0: the shape is another; x stays as large as it is. */
static int64_t channels_of(const ax_shape *x, const ax_shape *c)
{
    int64_t n = ax_shape_count(c);
    int lead = x->rank - c->rank;
    if (lead < 0)
        return 0;
    if (n == 1)
        return 1;
    for (int i = 0; i < c->rank; i++)
        if (c->dim[i] != (i + lead == 1 ? x->dim[1] : 1))
            return 0;
    return n;
}

static cJSON *numbers_json(const double *v, int64_t n, double by)
{
    if (n == 1)
        return cJSON_CreateNumber(v[0] * by);
    cJSON *list = cJSON_CreateArray();
    for (int64_t i = 0; list && i < n; i++)
        cJSON_AddItemToArray(list, cJSON_CreateNumber(v[i] * by));
    return list;
}

/* Nobody else sees the input as it comes, and it is not normal already. */
static int may_be_normal(const speller *s, const said *x)
{
    if (x->layer >= 0 || !x->alone || x->n > MOST_NORMAL_CHANNELS ||
        cJSON_GetObjectItemCaseSensitive(s->input[-1 - x->layer], "scale"))
        return 0;
    for (int64_t i = 0; i < x->n; i++)
        if (!(fabs(x->scale[i]) >= 1e-30) || !isfinite((float)x->scale[i]) ||
            !isfinite((float)x->shift[i]))
            return 0;
    return x->n == 1 || x->n == x->shape.dim[0];
}

/* gamma*x + beta: nothing is subtracted, and the variance is 1. */
static int settle_scaled(speller *s, ax_val v, const said *x)
{
    s->val[v].kind = SAID_LAYER; /* as the layer gives it, to be looked at whole */
    said *whole = onnx_say_whole(s, v);
    if (!whole)
        return -1;
    int64_t n = whole->shape.dim[0];
    float *p = onnx_say_room(s, 4 * n, sizeof *p);
    if (!p)
        return -1;
    for (int64_t i = 0; i < n; i++) {
        p[i] = (float)x->scale[x->n > 1 ? i : 0];
        p[n + i] = (float)x->shift[x->n > 1 ? i : 0];
        p[3 * n + i] = 1;
    }
    static const char *const names[] = {"gamma", "beta", "moving_mean", "moving_variance"};
    int l = onnx_say_layer(s, "batch_norm", &whole->layer, 1);
    ax_shape shape = whole->shape;
    onnx_say_number(s, l, "epsilon", 1e-12);
    for (int i = 0; i < 4; i++)
        onnx_say_tensor(s, l, names[i], &AX_SHAPE(n), p + i * n);
    if (onnx_say_value(s, v, l, &shape))
        return -1;
    s->layer[l].open = 1;
    return 0;
}

static int settle_affine(speller *s, ax_val v)
{
    said x = s->val[v];
    if (!may_be_normal(s, &x))
        return settle_scaled(s, v, &x);
    cJSON *in = s->input[-1 - x.layer];
    s->failed |= ax_json_put(in, "scale", numbers_json(x.scale, x.n, 1)) ||
                 ax_json_put(in, "mean", numbers_json(x.shift, x.n, -1));
    return onnx_say_value(s, v, x.layer, &x.shape);
}

/* v = x scaled and shifted once more: by numbers (NULL: none) per channel. */
static int put_affine(speller *s, ax_val x, const float *c, int64_t n, ax_binary_kind kind,
                      int from_left, ax_val v)
{
    if (s->val[x].kind != SAID_AFFINE && !onnx_say_whole(s, x))
        return -1;
    said a = s->val[x];
    int more = a.kind == SAID_AFFINE;
    int64_t all = more && a.n > n ? a.n : n;
    double *scale = onnx_say_room(s, 2 * all, sizeof *scale), *shift = scale + all;
    if (!scale)
        return -1;
    for (int64_t i = 0; i < all; i++) {
        double by = (double)c[n > 1 ? i : 0];
        scale[i] = more ? a.scale[a.n > 1 ? i : 0] : 1;
        shift[i] = more ? a.shift[a.n > 1 ? i : 0] : 0;
        if (kind == AX_BINARY_MUL || kind == AX_BINARY_DIV) {
            scale[i] = kind == AX_BINARY_MUL ? scale[i] * by : scale[i] / by;
            shift[i] = kind == AX_BINARY_MUL ? shift[i] * by : shift[i] / by;
        } else if (kind == AX_BINARY_SUB && from_left) { /* c - x */
            scale[i] = -scale[i];
            shift[i] = by - shift[i];
        } else {
            shift[i] += kind == AX_BINARY_ADD ? by : -by;
        }
    }
    int alone = (!more || a.alone) && s->uses[x] == 1;
    s->val[v] = (said){.kind = SAID_AFFINE,
                       .layer = a.layer,
                       .shape = a.shape,
                       .base = a.base,
                       .scale = scale,
                       .shift = shift,
                       .n = all,
                       .alone = alone};
    return 0;
}

int onnx_say_settle(speller *s, ax_val v)
{
    if (s->val[v].kind == SAID_EXPR)
        return settle_expr(s, v);
    return s->val[v].kind == SAID_AFFINE ? settle_affine(s, v) : 0;
}

/* ---- two of them ----------------------------------------------------------------------------- */

/* Does c lie along that axis of x alone? */
static int lies_along(const ax_shape *x, const ax_shape *c, int axis, int64_t n)
{
    int at = axis - x->rank + c->rank;
    return ax_shape_count(c) == n && c->rank <= x->rank && x->dim[axis] == n &&
           (n == 1 || (at >= 0 && c->dim[at] == n));
}

/* x + c is the bias of the layer that gives x, which has none. 1: it was. */
static int put_bias(speller *s, ax_val x, ax_val c, const float *known, ax_val v)
{
    const said *a = &s->val[x];
    const ax_shape *of = onnx_say_shape(s, x);
    spec_layer *l = a->kind == SAID_LAYER && a->layer >= 0 ? &s->layer[a->layer] : NULL;
    if (!l || !l->no_bias || !l->open || s->uses[x] != 1 ||
        (a->base != x && !onnx_say_inside(s, a->base, x)))
        return 0;
    /* the last axis stays what it is in a reshape that keeps its length, the second does not */
    int axis = l->bias_axis < 0 ? of->rank - 1 : l->bias_axis;
    if ((l->bias_axis > 0 && a->base != x) ||
        !lies_along(of, onnx_say_shape(s, c), axis, l->no_bias))
        return 0;
    cJSON_DeleteItemFromObjectCaseSensitive(l->json, "use_bias");
    onnx_say_tensor(s, a->layer, "bias", &AX_SHAPE(l->no_bias), known);
    l->no_bias = 0;
    ax_shape same = a->shape;
    onnx_say_value(s, v, a->layer, &same);
    return 1;
}

static int with_constant(speller *s, const ax_node *n, ax_binary_kind kind, int left)
{
    ax_val x = n->in[!left ? 0 : 1], c = n->in[left ? 0 : 1];
    const float *known = onnx_say_known(s, c);
    const ax_shape *xs = onnx_say_shape(s, x);
    int64_t per = channels_of(xs, onnx_say_shape(s, c));
    int linear = kind == AX_BINARY_ADD || kind == AX_BINARY_MUL || kind == AX_BINARY_SUB ||
                 (kind == AX_BINARY_DIV && !left);
    char number[AX_NUMBER_MAX + 2];
    said of;
    if (kind == AX_BINARY_ADD && put_bias(s, x, c, known, n->out))
        return 0;
    if (!per || (per > 1 && !linear))
        return onnx_say_trouble(s, "no layer has numbers like these for each of its elements");
    int as_input = s->val[x].kind == SAID_AFFINE ||
                   (s->val[x].kind == SAID_LAYER && s->val[x].layer < 0 && s->val[x].base == x);
    if (per > 1 || (linear && as_input))
        return put_affine(s, x, known, per, kind, left, n->out);
    const char *text = text_of(s, x, &of);
    if (!text)
        return -1;
    number_text(known[0], number, sizeof number);
    if (!isfinite(known[0]))
        return onnx_say_trouble(s, "formulas have no %s", number);
    return put_pair(s, n, kind, &of, left ? number : text, left ? text : number);
}

/* Both in one shape: a number per map is repeated over the map. */
static said *as_large(speller *s, ax_val v, const ax_shape *y)
{
    const ax_shape *x = onnx_say_shape(s, v);
    said *a = onnx_say_whole(s, v);
    if (!a || ax_shape_equal(x, y))
        return a;
    if (x->rank != 4 || y->rank != 4 || x->dim[1] != y->dim[1] || x->dim[2] != 1 ||
        x->dim[3] != 1 || y->dim[2] > 4096 || y->dim[3] > 4096) {
        onnx_say_trouble(s, "layers of two inputs take them in one shape");
        return NULL;
    }
    said *more = onnx_say_room(s, 1, sizeof *more);
    int l = onnx_say_between(s, "upsample2d", a->layer);
    onnx_say_ints(s, l, "size", y->dim + 2, 2);
    if (more)
        *more = (said){.kind = SAID_LAYER, .layer = l, .base = v};
    return s->failed ? NULL : more;
}

static int with_value(speller *s, const ax_node *n, ax_binary_kind kind)
{
    const ax_shape *y = onnx_say_shape(s, n->out);
    said a, b;
    const char *p = text_of(s, n->in[0], &a), *q = p ? text_of(s, n->in[1], &b) : NULL;
    if (!q)
        return -1;
    if (a.layer == b.layer && a.base == b.base &&
        ax_shape_equal(onnx_say_shape(s, n->in[0]), onnx_say_shape(s, n->in[1])) &&
        ax_shape_equal(&a.shape, &b.shape))
        return put_pair(s, n, kind, &a, p, q);
    if (kind != AX_BINARY_ADD && kind != AX_BINARY_MUL)
        return onnx_say_trouble(s, "layers add and multiply two inputs, nothing else");
    said *first = as_large(s, n->in[0], y), *second = first ? as_large(s, n->in[1], y) : NULL;
    if (!second)
        return -1;
    const int in[] = {first->layer, second->layer};
    int l = onnx_say_layer(s, kind == AX_BINARY_ADD ? "add" : "multiply", in, 2);
    ax_shape sample = {.rank = y->rank - 1};
    memcpy(sample.dim, y->dim + 1, (size_t)sample.rank * sizeof sample.dim[0]);
    if (onnx_say_value(s, n->out, l, &sample))
        return -1;
    s->layer[l].open = 1;
    return 0;
}

int onnx_say_binary(speller *s, const ax_node *n, ax_binary_kind kind)
{
    if (onnx_say_known(s, n->in[1]))
        return with_constant(s, n, kind, 0);
    return onnx_say_known(s, n->in[0]) ? with_constant(s, n, kind, 1) : with_value(s, n, kind);
}
