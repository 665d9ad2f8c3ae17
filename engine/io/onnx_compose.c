/* onnx_compose.c - see onnx_compose.h. */
#include "io/onnx_compose.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "activation/formula/formula.h"
#include "activation/formula/lower.h"

static const char *kept(ax_compose *c, const char *name)
{
    if (!name && !c->failed)
        c->failed = ax_fail(c->err, AX_ENOMEM, "no memory for an ONNX model");
    return name ? name : "";
}

/* "t3", or "layer/t.3": no tensor of a layer has a dot in its name. */
const char *ax_compose_name(ax_compose *c, const char *kind)
{
    const char *layer = c->layer ? c->layer : "", *slash = c->layer ? "/" : "";
    return kept(c, ax_arena_printf(c->mem, "%s%s%s%s%d", layer, slash, kind, c->layer ? "." : "",
                                   c->names++));
}

const char *ax_compose_fresh(ax_compose *c)
{
    return ax_compose_name(c, "t");
}

void ax_compose_need(ax_compose *c, int opset)
{
    c->needs = opset > c->needs ? opset : c->needs;
}

void ax_compose_put(ax_compose *c, const char *op, const char *const *in, int n,
                    const char *const *out, int outs)
{
    ax_onnx_put_node_outputs(&c->m, op, in, n, out, outs);
    if (!c->layer)
        return;
    int title = !c->titled;
    c->titled = 1;
    ax_onnx_put_name(
        &c->m,
        title ? c->layer : kept(c, ax_arena_printf(c->mem, "%s/%s.%d", c->layer, op, c->nodes++)));
}

const char *ax_compose_node(ax_compose *c, const char *op, const char *a, const char *b,
                            const char *d)
{
    const char *in[] = {a, b, d}, *out = ax_compose_fresh(c);
    ax_compose_put(c, op, in, !a ? 0 : !b ? 1 : !d ? 2 : 3, &out, 1);
    return out;
}

static const char *initializer(ax_compose *c, const char *name, double v)
{
    ax_onnx_put_tensor(&c->m, name, AX_ONNX_DOUBLE, NULL, 0, &v, sizeof v);
    return name;
}

const char *ax_compose_number(ax_compose *c, double v)
{
    return initializer(c, ax_compose_name(c, "c"), v);
}

const char *ax_compose_ints(ax_compose *c, const int64_t *v, int n)
{
    const int64_t dim = n;
    const char *name = ax_compose_name(c, "c");
    ax_onnx_put_tensor(&c->m, name, AX_ONNX_INT64, &dim, 1, v, (size_t)n * sizeof *v);
    return name;
}

const char *ax_compose_begin(ax_compose *c)
{
    const char *x = ax_compose_node(c, "Cast", c->x, NULL, NULL);
    ax_onnx_put_int(&c->m, "to", AX_ONNX_DOUBLE);
    return x;
}

void ax_compose_end(ax_compose *c, const char *y)
{
    ax_compose_put(c, "Cast", &y, 1, &c->y, 1);
    ax_onnx_put_int(&c->m, "to", AX_ONNX_FLOAT);
}

/* ---- formulas ---- */

/* A learned parameter as a double: its tensor, where the bounds hold as they do in the op. */
static const char *read_learned(ax_compose *c, const char *tensor, const ax_act_param *p)
{
    const char *v = ax_compose_node(c, "Cast", tensor, NULL, NULL);
    ax_onnx_put_int(&c->m, "to", AX_ONNX_DOUBLE);
    if (isfinite(p->min))
        v = ax_compose_node(c, "Max", v, ax_compose_number(c, p->min), NULL);
    if (isfinite(p->max))
        v = ax_compose_node(c, "Min", v, ax_compose_number(c, p->max), NULL);
    return v;
}

static const char *write_param(ax_compose *c, const ax_act *a, const ax_act_param *p, double v)
{
    char kind[64];
    for (int i = 0; i < AX_ACT_PARAMS && a->row->params[i].name; i++)
        if (c->learned[i] && !strcmp(a->row->params[i].name, p->name))
            return read_learned(c, c->learned[i], p);
    snprintf(kind, sizeof kind, "%s_", p->name);
    return initializer(c, ax_compose_name(c, kind), v);
}

/* name stands in text as a word */
static int mentions(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *s = text; (s = strstr(s, name)); s += n) {
        int before = s > text && (isalnum((unsigned char)s[-1]) || s[-1] == '_');
        int behind = isalnum((unsigned char)s[n]) || s[n] == '_';
        if (!before && !behind)
            return 1;
    }
    return 0;
}

static const char *write_step(ax_compose *c, const ax_act *a, const ax_formula_step *s,
                              const char *const *name, const ax_act_param *param, const char *x)
{
    const char *in[3];
    switch (s->kind) {
    case AX_STEP_X:
        return x;
    case AX_STEP_NUMBER:
        return ax_compose_number(c, s->v);
    case AX_STEP_PARAM:
        return write_param(c, a, &param[s->param], s->v);
    default:
        break;
    }
    for (int k = 0; k < 3; k++)
        in[k] = k < s->args ? name[s->arg[k]] : NULL;
    const char *out = ax_compose_node(c, s->op, in[0], in[1], in[2]);
    if (!strcmp(s->op, "Cast"))
        ax_onnx_put_int(&c->m, "to", AX_ONNX_DOUBLE);
    return out;
}

const char *ax_compose_formula(ax_compose *c, const ax_act *a, const char *text,
                               const ax_formula *program, const char *x)
{
    ax_act_param param[AX_ACT_PARAMS + 1] = {{0}};
    double value[AX_ACT_PARAMS] = {0};
    const ax_formula_step *step;
    int n = 0;
    for (int i = 0; i < AX_ACT_PARAMS && a->row->params[i].name; i++)
        if (program || mentions(text, a->row->params[i].name)) {
            param[n] = a->row->params[i];
            value[n++] = a->param[i];
        }
    if (c->failed)
        return "";
    const ax_formula *f = program ? program : ax_formula_new(c->mem, text, param, c->err);
    int steps = f ? ax_formula_lower(f, value, c->mem, &step, c->err) : -1;
    const char **name = steps < 0 ? NULL : AX_ARRAY(c->mem, const char *, steps);
    if (steps >= 0 && !name)
        ax_fail(c->err, AX_ENOMEM, "no memory for an ONNX model");
    if (!name) {
        c->failed = 1;
        return "";
    }
    for (int i = 0; i < steps; i++)
        name[i] = write_step(c, a, &step[i], name, param, x);
    return name[steps - 1];
}
