/* activations.c - /activations: the catalogue, one card, and pictures of curves.
 *
 * All of it runs on the workers: a card's gain is a quadrature, a picture looks for kinks in
 * thousands of places. */
#include "activations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers.h"

enum { FROM = -5, TO = 5 };

const char *const activation_options[] = {"x", "derivatives", "dialect", "non_finite", NULL};
const char *const activation_plot_options[] = {"from", "to", "derivative", "dialect", NULL};
const char *const plot_options[] = {"names", "formula", "from", "to", "derivative", "dialect", NULL};

static void out_of_memory(request *r)
{
    problem_set(&r->why, 503, "out_of_memory", "out of memory");
    request_refuse(r);
}

/* The card without its last brace, for more to follow. */
static int put_card(buf *b, const ax_act *a)
{
    cJSON *card = ax_act_card(a);
    char *text = ax_json_text(card, 0);
    if (text)
        buf_add(b, text, strlen(text) - 1);
    cJSON_free(text);
    cJSON_Delete(card);
    return text ? 0 : -1;
}

static void list(request *r)
{
    int n;
    const ax_act_row *row = ax_act_catalog(&n);
    buf_str(&r->out, "{\"activations\":[");
    for (int i = 0; i < n; i++) {
        ax_act a;
        buf_str(&r->out, i ? "," : "");
        if (ax_act_by_name(row[i].name, &a, &r->why.err) < 0 || put_card(&r->out, &a) < 0) {
            out_of_memory(r);
            return;
        }
        buf_char(&r->out, '}');
    }
    buf_str(&r->out, "]}\n");
    request_done(r, 200, "application/json");
}

void activations_list(request *r)
{
    request_offload(r, r->app->work, list);
}

/* ---- one activation -------------------------------------------------------------------------- */

/* "x":[...],"y":[...],... when the URL has an x. */
static int put_values(request *r, evaluation *e)
{
    if (query_numbers(r, "x", &e->x, &e->shape) < 0 ||
        query_whole(r, "derivatives", 0, 2, &e->derivatives) < 0 ||
        activation_policy(request_query(r, "non_finite"), &e->policy, &r->why) < 0)
        return -1;
    if (!e->x && (request_query(r, "derivatives") || request_query(r, "non_finite"))) {
        problem_set(&r->why, 400, "missing_option", "there is no x to evaluate at");
        return ax_err_hint(&r->why.err, "?x=-1,0,1&derivatives=1");
    }
    if (!e->x)
        return 0;
    if (evaluation_check(e, &r->why) < 0 || evaluation_run(e, &r->why) < 0)
        return -1;
    buf_str(&r->out, ",\"x\":");
    wire_put_numbers(&r->out, e->x, &e->shape, e->policy);
    buf_char(&r->out, ',');
    evaluation_put(e, &r->out);
    return 0;
}

static void get(request *r)
{
    evaluation e = {.r = r, .policy = NON_FINITE_STRING};
    int bad = activation_from_url(r, r->param[0], NULL, OTHER_MINE, &e.act);
    if (!bad && put_card(&r->out, &e.act) < 0)
        bad = problem_set(&r->why, 503, "out_of_memory", "out of memory");
    if (bad || put_values(r, &e) < 0) {
        request_refuse(r);
        return;
    }
    buf_str(&r->out, "}\n");
    request_done(r, 200, "application/json");
}

int activations_known(const app *a, const char *name)
{
    (void)a;
    return ax_act_find(name) != NULL;
}

void activations_get(request *r)
{
    request_offload(r, r->app->work, get);
}

/* ---- pictures -------------------------------------------------------------------------------- */

typedef struct picture {
    ax_plot_curve curve[AX_PLOT_CURVES];
    int n;
} picture;

static int add_curve(request *r, picture *p, const char *name, const char *formula,
                     other_options others)
{
    ax_plot_curve *c = &p->curve[p->n];
    if (p->n == AX_PLOT_CURVES)
        return problem_set(&r->why, 400, "limit_exceeded", "names: more than %d curves in one picture",
                           AX_PLOT_CURVES);
    if (activation_from_url(r, name, formula, others, &c->act) < 0)
        return -1;
    c->label = formula ? formula : name;
    p->n++;
    return 0;
}

static int no_name(request *r, const char *names)
{
    if (*names)
        problem_set(&r->why, 400, "parse_error", "names: a name is missing beside a comma of '%.100s'", names);
    else
        problem_set(&r->why, 400, "parse_error", "names is empty, expected activations");
    snprintf(r->why.err.at, sizeof r->why.err.at, "names");
    return ax_err_hint(&r->why.err, "?names=relu,gelu,mish");
}

static int add_named(request *r, picture *p, const char *names, other_options others)
{
    char *name = ax_arena_strdup(&r->mem, names);
    if (!name)
        return problem_set(&r->why, 503, "out_of_memory", "out of memory");
    if (others == OTHER_MINE && strchr(name, ','))
        others = OTHER_WRONG; /* whose would they be? */
    for (char *next = name; next; name = next) {
        if ((next = strchr(name, ',')))
            *next++ = 0;
        if (!*name)
            return no_name(r, names);
        if (add_curve(r, p, name, NULL, others) < 0) {
            if (!r->why.err.at[0])
                snprintf(r->why.err.at, sizeof r->why.err.at, "names");
            return -1;
        }
    }
    return 0;
}

static int curves(request *r, picture *p)
{
    const char *names = request_query(r, "names"), *formula = request_query(r, "formula");
    if (r->param[0][0])
        return add_curve(r, p, r->param[0], NULL, OTHER_MINE);
    if (!names && !formula) {
        problem_set(&r->why, 400, "missing_option", "a picture needs names, or a formula");
        return ax_err_hint(&r->why.err, "?names=relu,gelu,mish&from=-4&to=4&derivative=1");
    }
    return (names && add_named(r, p, names, formula ? OTHER_PASS : OTHER_MINE) < 0) ||
                   (formula && add_curve(r, p, NULL, formula, OTHER_MINE) < 0)
               ? -1
               : 0;
}

static void plot(request *r)
{
    picture p = {.n = 0};
    double from = FROM, to = TO;
    int64_t derivatives = 0;
    size_t len;
    if (curves(r, &p) < 0 || query_number(r, "from", &from) < 0 ||
        query_number(r, "to", &to) < 0 ||
        query_whole(r, "derivative", 0, 2, &derivatives) < 0) {
        request_refuse(r);
        return;
    }
    ax_plot all = {p.curve, p.n, from, to, (int)derivatives};
    ax_err err;
    if (ax_plot_check(&all, &err) < 0) {
        problem_from(&r->why, &err);
        request_refuse(r);
        return;
    }
    char *svg = ax_plot_svg(&all, &len);
    if (!svg) {
        out_of_memory(r);
        return;
    }
    buf_add(&r->out, svg, len);
    free(svg);
    request_done(r, 200, "image/svg+xml");
}

void activations_plot(request *r)
{
    request_offload(r, r->app->work, plot);
}
