/* evaluate.c - POST /activations/evaluate: an activation at given numbers, with its derivatives.
 *
 * An event loop must not be held up, so the loop itself does only what is surely short: a body of at
 * most LARGE bytes is read, and a function of the catalogue evaluated while elements times their
 * cost stay below --inline-us. Larger bodies, more numbers, a probe and what is told as an object, a
 * formula that wants compiling, go to the workers; there --max-evaluate numbers of at most AX_FORMULA_COST nanoseconds and
 * three orders bound the work. */
#include <stdio.h>

#include "activations.h"
#include "handlers.h"
#include "router.h"

enum {
    LARGE = 32 * 1024,
    COST = 100 /* ns: one element of the catalogue with reading and writing, sorted rows included */
};

const char *const evaluate_options[] = {"activation", "formula",    "dialect", "derivatives",
                                        "row",        "non_finite", NULL};

/* Always -1. */
static int at(problem *why, const char *place)
{
    snprintf(why->err.at, sizeof why->err.at, "%s", place);
    return -1;
}

int evaluation_check(evaluation *e, problem *why)
{
    const char *name = e->act.row->name;
    e->out = e->shape;
    if (e->act.row->kind == AX_ACT_ELEMENT)
        return 0;
    if (e->derivatives) {
        problem_set(why, 422, "unsupported",
                    "%s works on whole rows: its derivative is a matrix, which is not given here", name);
        ax_err_hint(&why->err, "leave derivatives out");
        return at(why, "derivatives");
    }
    if (!e->shape.rank) {
        problem_set(why, 400, "shape_mismatch", "%s takes rows, x is a bare number", name);
        ax_err_hint(&why->err, "\"x\":[1,2,3], or several rows");
        return at(why, "x");
    }
    if (e->probe) {
        problem_set(why, 422, "unsupported", "%s works on whole rows: there is no curve to look at", name);
        ax_err_hint(&why->err, "leave probe out");
        return at(why, "probe");
    }
    int64_t *len = &e->out.dim[e->out.rank - 1], got = *len;
    *len = ax_act_out_len(&e->act, got);
    if (*len >= 0)
        return 0;
    problem_set(why, 400, "shape_mismatch", "%s takes rows of a multiple of %lld, x has rows of %lld",
                name, (long long)ax_act_out_div(&e->act), (long long)got);
    problem_got(why, "%lld", (long long)got);
    return at(why, "x");
}

int evaluation_run(evaluation *e, problem *why)
{
    static void (*const order[3])(const ax_act *, const float *, float *, size_t) = {
        ax_act_forward, ax_act_derivative, ax_act_second};
    int64_t n = ax_shape_count(&e->shape), out = ax_shape_count(&e->out);
    for (int i = 0; i <= e->derivatives; i++) {
        if (!(e->y[i] = ax_arena_raw(&e->r->mem, (size_t)out * sizeof(float))))
            return problem_set(why, 503, "out_of_memory", "the results do not fit into memory");
        if (!n)
            continue;
        if (e->act.row->kind == AX_ACT_VECTOR) {
            int64_t len = e->shape.dim[e->shape.rank - 1];
            ax_act_rows(&e->act, e->x, e->y[i], n / len, len, 1);
        } else {
            order[i](&e->act, e->x, e->y[i], (size_t)n);
        }
    }
    return 0;
}

void evaluation_put(const evaluation *e, buf *b)
{
    static const char *const names[3] = {"\"y\":", ",\"dy\":", ",\"d2y\":"};
    for (int i = 0; i <= e->derivatives; i++) {
        buf_str(b, names[i]);
        wire_put_numbers(b, e->y[i], &e->out, e->policy);
    }
}

/* ---- the answer ------------------------------------------------------------------------------ */

static int put_json(cJSON *json, buf *b)
{
    char *text = ax_json_text(json, 0);
    if (text)
        buf_str(b, text);
    cJSON_free(text);
    cJSON_Delete(json);
    return text ? 0 : -1;
}

static int put_probe(const ax_act *a, buf *b)
{
    ax_probe found;
    if (ax_act_probe(a, &found, NULL) < 0)
        return -1;
    buf_str(b, ",\"probe\":");
    return put_json(ax_act_probe_json(&found), b);
}

/* For a formula: as it is computed, after rewriting. */
static void put_texts(const ax_act *a, buf *b)
{
    const ax_formula *f = a->row->program;
    int n = 0;
    const char *const *rewrites = f ? ax_formula_rewrites(f, &n) : NULL;
    buf_str(b, ",\"formula\":");
    buf_json(b, f ? ax_formula_text(f, AX_FORMULA_F) : a->row->formula);
    buf_str(b, ",\"derivative\":");
    buf_json(b, a->row->derivative);
    buf_str(b, ",\"rewrites\":[");
    for (int i = 0; i < n; i++) {
        buf_str(b, i ? "," : "");
        buf_json(b, rewrites[i]);
    }
    buf_char(b, ']');
}

/* y, dy and d2y one behind the other. */
static void put_raw(evaluation *e)
{
    request *r = e->r;
    char shape[160];
    for (int i = 0; i <= e->derivatives; i++)
        buf_add(&r->out, e->y[i], (size_t)ax_shape_count(&e->out) * sizeof(float));
    wire_shape(&e->out, shape, sizeof shape);
    if (e->derivatives)
        request_header(r, "X-Shape",
                       ax_arena_printf(&r->mem, "[%d%s%s", (int)e->derivatives + 1,
                                       e->out.rank ? "," : "", shape + 1));
    else
        request_header(r, "X-Shape", ax_arena_strdup(&r->mem, shape));
}

static void answer(evaluation *e)
{
    request *r = e->r;
    int64_t t = now_ns();
    int bad = evaluation_check(e, &r->why) || evaluation_run(e, &r->why);
    r->compute_ns = now_ns() - t;
    if (bad) {
        request_refuse(r);
        return;
    }
    if (r->accept_raw) {
        put_raw(e);
    } else {
        buf_str(&r->out, "{\"activation\":");
        bad = put_json(ax_act_to_json(&e->act), &r->out);
        buf_char(&r->out, ',');
        evaluation_put(e, &r->out);
        put_texts(&e->act, &r->out);
        bad |= e->probe && put_probe(&e->act, &r->out) < 0;
        buf_str(&r->out, "}\n");
    }
    if (bad) {
        problem_set(&r->why, 503, "out_of_memory", "out of memory");
        request_refuse(r);
        return;
    }
    r->render_ns = now_ns() - t - r->compute_ns;
    request_header(r, "Server-Timing", request_timing(r));
    request_done(r, 200, r->accept_raw ? "application/octet-stream" : "application/json");
}

/* ---- the request ----------------------------------------------------------------------------- */

/* A JSON body says everything itself; raw numbers leave it to the URL. */
static int read_raw(evaluation *e, problem *why)
{
    request *r = e->r;
    const char *name = request_query(r, "activation"), *formula = request_query(r, "formula");
    int64_t n = (int64_t)(r->body.len / sizeof(float)), most = r->app->cfg.max_evaluate, row = n;
    if (!name == !formula) {
        problem_set(why, 400, name ? "conflict" : "missing_option",
                    "the URL is to name an activation or a formula%s", name ? ", not both" : "");
        return ax_err_hint(&why->err, "?activation=gelu, or ?formula=x*tanh(x)");
    }
    if (!n || r->body.len % sizeof(float))
        return problem_set(why, 400, "shape_mismatch",
                           "the body has %zu bytes, expected little-endian float32, 4 bytes each",
                           r->body.len);
    if (n > most) {
        problem_set(why, 413, "too_many_numbers", "%lld numbers in one request, at most %lld are taken",
                    (long long)n, (long long)most);
        return ax_err_hint(&why->err, "send them in parts, or raise --max-evaluate");
    }
    if (query_whole(r, "derivatives", 0, 2, &e->derivatives) < 0 ||
        query_whole(r, "row", 1, most, &row) < 0 ||
        activation_policy(request_query(r, "non_finite"), &e->policy, why) < 0 ||
        activation_from_url(r, name, formula, OTHER_MINE, &e->act) < 0)
        return -1;
    if (n % row) {
        problem_set(why, 400, "shape_mismatch", "the body has %lld numbers, which are no rows of %lld",
                    (long long)n, (long long)row);
        return at(why, "row");
    }
    e->x = (float *)(void *)r->body.data;
    e->shape = request_query(r, "row") ? (ax_shape){2, {n / row, row}} : (ax_shape){1, {n}};
    return 0;
}

static void bind_and_answer(request *r)
{
    evaluation *e = r->job;
    if (evaluation_bind(e, &r->why) < 0)
        request_refuse(r);
    else
        answer(e);
}

static void start(request *r)
{
    evaluation *e = r->job;
    int64_t t = now_ns();
    int raw = r->type == BODY_RAW, bad;
    if (!raw && r->n_query) {
        problem_set(&r->why, 400, "conflict", "with a JSON body the options stand in the body");
        bad = at(&r->why, r->query[0][0]);
    } else {
        bad = raw ? read_raw(e, &r->why) : evaluation_read(e, &r->why);
    }
    r->parse_ns = now_ns() - t;
    if (bad) {
        request_refuse(r);
        return;
    }
    int64_t ns = ax_shape_count(&e->shape) * (e->derivatives + 1) * COST;
    if (raw)
        answer(e);
    else if (!r->away && (*e->activation == '{' || e->probe || ns > r->app->cfg.inline_us * 1000))
        request_offload(r, r->app->work, bind_and_answer);
    else
        bind_and_answer(r);
}

void activations_evaluate(request *r)
{
    evaluation *e = AX_NEW(&r->mem, evaluation);
    if (!e) {
        problem_set(&r->why, 503, "out_of_memory", "out of memory");
        request_refuse(r);
        return;
    }
    e->r = r;
    e->policy = NON_FINITE_STRING;
    r->job = e;
    if (r->body.len > LARGE || r->type == BODY_RAW)
        request_offload(r, r->app->work, start);
    else
        start(r);
}
