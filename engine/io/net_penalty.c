/* net_penalty.c - regularizers of a spec as penalties on the loss: l1 and l2 of weights and of
 * activities, kl and hoyer of activities.
 *
 * kl compares a mean activity with a probability, so it is for activations whose values lie in
 * [0,1], or fill [-1,1], which is then mapped to it. Where they lie is what the row of the
 * activation says in `range`; a formula, or a row whose parameters are learned, is looked at before
 * the training, with these parameters at their bounds, too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "activation/probe.h"
#include "base/number.h"
#include "io/net_build.h"

static int add(ax_builder *b, const ax_op *op, const void *attr, ax_val v)
{
    ax_val p = ax_graph_node(b->g, op, b->layer, attr, &v, 1, b->err);
    if (p < 0)
        return -1;
    b->net->penalties[b->net->n_penalties++] = p;
    return 0;
}

static int build_l1l2(ax_builder *b, const cJSON *o, ax_val v, int per_sample)
{
    ax_penalty_attr a = {.batch = per_sample};
    if (ax_json_num(o, "l1", 0, 0, 1e6, &a.l1, b->err) ||
        ax_json_num(o, "l2", 0, 0, 1e6, &a.l2, b->err))
        return -1;
    return b->training && (a.l1 > 0 || a.l2 > 0) ? add(b, &ax_op_penalty, &a, v) : 0;
}

/* ---- where the values of an activation lie --------------------------------------------------- */

/* A number, a parameter's name or one with a minus. NULL behind anything else. */
static const char *read_bound(const ax_act *a, const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    if (end != text)
        return end;
    int minus = *text == '-';
    for (int i = 0; i < AX_ACT_PARAMS && a->row->params[i].name; i++) {
        size_t n = strlen(a->row->params[i].name);
        if (strncmp(text + minus, a->row->params[i].name, n) || !strchr(",])", text[minus + n]))
            continue;
        *out = minus ? -a->param[i] : a->param[i];
        return text + minus + n;
    }
    return NULL;
}

/* "[0, 1)", "(-alpha, alpha)", "[0, 1], sum 1": 0 when both ends are known. */
static int range_of(const ax_act *a, double *lo, double *hi)
{
    const char *p = a->row->range;
    if (*p != '[' && *p != '(')
        return -1;
    if (!(p = read_bound(a, p + 1, lo)) || strncmp(p, ", ", 2) || !(p = read_bound(a, p + 2, hi)))
        return -1;
    return (*p == ']' || *p == ')') && (!p[1] || !strncmp(p + 1, ", sum", 5)) ? 0 : -1;
}

static int fits(double lo, double hi)
{
    return (lo >= 0 && hi <= 1) || (lo == -1 && hi == 1);
}

/* Corner `at` of the box of the learned parameters: a bit of each says which bound it has. */
static ax_act corner(const ax_act *a, unsigned at)
{
    ax_act c = *a;
    for (int i = 0, k = 0; i < AX_ACT_PARAMS; i++)
        if (a->learned >> i & 1)
            c.param[i] = at >> k++ & 1 ? a->row->params[i].max : a->row->params[i].min;
    return c;
}

/* The activation that makes v; NULL when it is not one. */
static const ax_act *act_of(const ax_builder *b, ax_val v)
{
    const ax_value *value = &b->g->val[v];
    if (value->kind != AX_VAL_NODE)
        return NULL;
    const ax_node *n = &b->g->node[value->node];
    if (n->op == &ax_op_activation)
        return &((const ax_activation_attr *)n->attr)->act;
    return n->op == &ax_op_activation_learned ? &((const ax_learned_attr *)n->attr)->act : NULL;
}

static int suggest(ax_builder *b)
{
    return ax_err_hint(b->err,
                       "l1 and hoyer make any activation sparse; sigmoid and tanh go with kl");
}

static int refuse_kl(ax_builder *b, const ax_act *a)
{
    if (!a)
        ax_fail(b->err, AX_EINVAL,
                "'%s': kl needs an activation with values in (0,1) or (-1,1), but "
                "what the layer gives is not that of an activation",
                b->layer);
    else
        ax_fail(b->err, AX_EINVAL,
                "'%s': kl needs an activation with values in (0,1) or (-1,1), but "
                "those of %s lie in %s",
                b->layer, a->row->name, a->row->range);
    return suggest(b);
}

/* " with beta = 10": the learned parameters of a corner */
static void put_params(const ax_act *a, char *text, size_t size)
{
    size_t n = 0;
    *text = 0;
    for (int i = 0; i < AX_ACT_PARAMS && n < size; i++)
        if (a->learned >> i & 1)
            n += (size_t)snprintf(text + n, size - n, "%s%s = %s", n ? ", " : " with ",
                                  a->row->params[i].name, AX_NUMBER(a->param[i]));
}

/* Looks at a. 0: the values fit. */
static int look(ax_builder *b, const ax_act *a, double *lo, double *hi)
{
    ax_probe_extreme low, high;
    char with[128];
    if (ax_act_range(a, &low, &high, b->err) < 0)
        return -1;
    *lo = low.y, *hi = high.y;
    if (fits(*lo, *hi))
        return 0;
    put_params(a, with, sizeof with);
    ax_fail(b->err, AX_EINVAL,
            "'%s': kl needs an activation with values in (0,1) or (-1,1), but those of '%.100s'%s "
            "go from %g (at x = %g) to %g (at x = %g)",
            b->layer, a->row->program ? a->row->formula : a->row->name, with, low.y, (double)low.x,
            high.y, (double)high.x);
    return suggest(b);
}

/* The same for what the learned parameters may become. */
static int look_at_corners(ax_builder *b, const ax_act *a, double *lo, double *hi)
{
    enum { MOST = 4 };
    int n = __builtin_popcount(a->learned);
    if (n > MOST) {
        ax_fail(b->err, AX_ELIMIT,
                "'%s': kl takes an activation with at most %d learned parameters, this one has %d",
                b->layer, MOST, n);
        return suggest(b);
    }
    if (look(b, a, lo, hi))
        return -1;
    for (unsigned at = 0; n && at < 1u << n; at++) {
        ax_act c = corner(a, at);
        double low, high;
        if (look(b, &c, &low, &high))
            return -1;
        *lo = low < *lo ? low : *lo;
        *hi = high > *hi ? high : *hi;
    }
    return 0;
}

/* Where nothing is trained nothing is looked at: *lo and *hi are not known then. */
static int check_range(ax_builder *b, const ax_act *a, double *lo, double *hi)
{
    *lo = *hi = 0;
    if (a && (a->row->program || a->learned))
        return b->training ? look_at_corners(b, a, lo, hi) : 0;
    return a && !range_of(a, lo, hi) && fits(*lo, *hi) ? 0 : refuse_kl(b, a);
}

/* ---- kl, hoyer ------------------------------------------------------------------------------- */

static int build_kl(ax_builder *b, const cJSON *kl, ax_val v)
{
    static const char *const known[] = {"rho", "beta"};
    ax_kl_attr a = {0};
    double lo, hi;
    if (!cJSON_IsObject(kl))
        return ax_fail(b->err, AX_ETYPE,
                       "'%s': kl must be an object like {\"rho\":0.05,\"beta\":3}", b->layer);
    if (ax_json_known(kl, known, 2, b->err) ||
        ax_json_num(kl, "rho", 0.05, 1e-6, 1 - 1e-6, &a.rho, b->err) ||
        ax_json_num(kl, "beta", 3, 0, 1e6, &a.beta, b->err))
        return -1;
    if (check_range(b, act_of(b, v), &lo, &hi))
        return -1;
    if (!b->training || a.beta == 0)
        return 0;
    a.symmetric = lo < 0;
    return add(b, &ax_op_kl_sparsity, &a, v);
}

static int build_sparsity(ax_builder *b, const cJSON *o, ax_val v)
{
    const cJSON *kl = cJSON_GetObjectItemCaseSensitive(o, "kl");
    ax_hoyer_attr hoyer;
    if (kl && build_kl(b, kl, v))
        return ax_err_in(b->err, "kl");
    if (ax_json_num(o, "hoyer", 0, 0, 1e6, &hoyer.weight, b->err))
        return -1;
    return b->training && hoyer.weight > 0 ? add(b, &ax_op_hoyer, &hoyer, v) : 0;
}

/* ---- fields of a layer ----------------------------------------------------------------------- */

static int check_object(ax_builder *b, const cJSON *o, const char *field, int n_known)
{
    static const char *const known[] = {"l1", "l2", "kl", "hoyer"};
    if (cJSON_IsObject(o))
        return ax_json_known(o, known, n_known, b->err);
    return ax_fail(b->err, AX_ETYPE, "'%s': %s must be an object like {\"l2\":1e-4}", b->layer,
                   field);
}

int ax_build_kernel_penalty(ax_builder *b, const cJSON *spec, const char *field, ax_val v)
{
    const cJSON *o = cJSON_GetObjectItemCaseSensitive(spec, field);
    if (o && (check_object(b, o, field, 2) || build_l1l2(b, o, v, 0)))
        return ax_err_in(b->err, "%s", field);
    return 0;
}

int ax_build_activity_penalty(ax_builder *b, const cJSON *spec, const char *field, ax_val v)
{
    if (!field)
        return build_l1l2(b, spec, v, 1) || build_sparsity(b, spec, v) ? -1 : 0;
    const cJSON *o = cJSON_GetObjectItemCaseSensitive(spec, field);
    if (o && (check_object(b, o, field, 4) || build_l1l2(b, o, v, 1) || build_sparsity(b, o, v)))
        return ax_err_in(b->err, "%s", field);
    return 0;
}
