/* net_penalty.c - regularizers of a spec as penalties on the loss: l1 and l2 of weights and of
 * activities, kl and hoyer of activities.
 *
 * kl compares a mean activity with a probability, so it is for activations whose values lie in
 * [0,1], or fill [-1,1], which is then mapped to it. Where they lie is what the row of the activation
 * says in `range`; of a formula nobody has said it. */
#include <stdlib.h>
#include <string.h>

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
    if (ax_json_num(o, "l1", 0, 0, 1e6, &a.l1, b->err) || ax_json_num(o, "l2", 0, 0, 1e6, &a.l2, b->err))
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

/* The activation that makes v; NULL when it is not one. */
static const ax_act *act_of(const ax_builder *b, ax_val v)
{
    const ax_value *value = &b->g->val[v];
    if (value->kind != AX_VAL_NODE || b->g->node[value->node].op != &ax_op_activation)
        return NULL;
    return &((const ax_activation_attr *)b->g->node[value->node].attr)->act;
}

static int refuse_kl(ax_builder *b, const ax_act *a)
{
    if (!a)
        ax_fail(b->err, AX_EINVAL, "'%s': kl needs an activation with values in (0,1) or (-1,1), but "
                "what the layer gives is not that of an activation", b->layer);
    else if (a->row->program)
        ax_fail(b->err, AX_EUNSUPPORTED, "'%s': kl needs an activation with values in (0,1) or (-1,1), and "
                "where those of a formula lie is not known", b->layer);
    else
        ax_fail(b->err, AX_EINVAL, "'%s': kl needs an activation with values in (0,1) or (-1,1), but "
                "those of %s lie in %s", b->layer, a->row->name, a->row->range);
    return ax_err_hint(b->err, "l1 and hoyer make any activation sparse; sigmoid and tanh go with kl");
}

/* ---- kl, hoyer ------------------------------------------------------------------------------- */

static int build_kl(ax_builder *b, const cJSON *kl, ax_val v)
{
    static const char *const known[] = {"rho", "beta"};
    ax_kl_attr a = {0};
    double lo, hi;
    if (!cJSON_IsObject(kl))
        return ax_fail(b->err, AX_ETYPE, "'%s': kl must be an object like {\"rho\":0.05,\"beta\":3}", b->layer);
    if (ax_json_known(kl, known, 2, b->err) || ax_json_num(kl, "rho", 0.05, 1e-6, 1 - 1e-6, &a.rho, b->err) ||
        ax_json_num(kl, "beta", 3, 0, 1e6, &a.beta, b->err))
        return -1;
    const ax_act *act = act_of(b, v);
    if (!act || range_of(act, &lo, &hi) || !((lo >= 0 && hi <= 1) || (lo == -1 && hi == 1)))
        return refuse_kl(b, act);
    a.symmetric = lo < 0;
    return b->training && a.beta > 0 ? add(b, &ax_op_kl_sparsity, &a, v) : 0;
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
    return ax_fail(b->err, AX_ETYPE, "'%s': %s must be an object like {\"l2\":1e-4}", b->layer, field);
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
