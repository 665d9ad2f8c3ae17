/* predict_render.c - a finished ticket as JSON or raw bytes.
 *
 * Numbers go through the shortest-round-trip writer; NaN and infinity, which JSON cannot say,
 * follow the policy of the request: an error, null, or a string. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "number.h"
#include "predict.h"

typedef struct writer {
    predict *p;
    buf *out;
    const ax_port *port;
} writer;

/* ---- tensors
 * --------------------------------------------------------------------------------------- */

static int non_finite(writer *w, double v, int64_t row, int64_t i)
{
    switch (w->p->args.non_finite) {
    case NON_FINITE_NULL:
        buf_str(w->out, "null");
        return 0;
    case NON_FINITE_STRING:
        buf_str(w->out, isnan(v) ? "\"NaN\"" : v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
        return 0;
    default:
        problem_set(&w->p->r->why, 500, "non_finite_output",
                    "output '%s' of sample %lld has %s at element %lld", w->port->name,
                    (long long)row, isnan(v) ? "NaN" : "infinity", (long long)i);
        snprintf(w->p->r->why.err.at, sizeof w->p->r->why.err.at, "outputs[%lld]", (long long)row);
        return ax_err_hint(&w->p->r->why.err,
                           "\"non_finite\":\"null\" or \"string\" gives the answer all the same");
    }
}

/* n elements of one row from index i on, with commas. */
static int put_numbers(writer *w, const void *data, int64_t row, int64_t i, int64_t n)
{
    buf *b = w->out;
    if (w->port->dtype == AX_F32) {
        const float *x = (const float *)data + i;
        char *to = buf_room(b, (size_t)n * 18 + NUMBER_MAX);
        for (int64_t k = 0; to && k < n; k++) {
            if (k)
                b->data[b->len++] = ',';
            if (isfinite(x[k]))
                b->len += number_write(b->data + b->len, x[k]);
            else if (non_finite(w, (double)x[k], row, i + k) < 0 ||
                     !buf_room(b, (size_t)(n - k) * 18 + NUMBER_MAX))
                return -1;
        }
        return 0;
    }
    for (int64_t k = i; k < i + n; k++) {
        if (k > i)
            buf_char(b, ',');
        switch (w->port->dtype) {
        case AX_F64:
            if (isfinite(((const double *)data)[k]))
                buf_str(b, AX_NUMBER(((const double *)data)[k]));
            else if (non_finite(w, ((const double *)data)[k], row, k) < 0)
                return -1;
            break;
        case AX_U64:
            buf_u64(b, ((const uint64_t *)data)[k]);
            break;
        case AX_BOOL:
            buf_str(b, ((const uint8_t *)data)[k] ? "true" : "false");
            break;
        default:
            buf_i64(b, ax_whole_read(w->port->dtype, data, k));
        }
    }
    return 0;
}

/* The sub-array of one row that starts at element i, from dimension d on. */
static int put_nested(writer *w, const void *data, int64_t row, int d, int64_t i, int64_t count)
{
    const ax_shape *s = &w->port->shape;
    if (d == s->rank)
        return put_numbers(w, data, row, i, 1);
    buf_char(w->out, '[');
    if (d == s->rank - 1) {
        if (put_numbers(w, data, row, i, s->dim[d]) < 0)
            return -1;
    } else {
        int64_t each = s->dim[d] ? count / s->dim[d] : 0;
        for (int64_t k = 0; k < s->dim[d]; k++) {
            if (k)
                buf_char(w->out, ',');
            if (put_nested(w, data, row, d + 1, i + k * each, each) < 0)
                return -1;
        }
    }
    buf_char(w->out, ']');
    return 0;
}

static int put_tensor(writer *w, const void *data)
{
    const wire_request *a = &w->p->args;
    int64_t count = ax_shape_count(&w->port->shape);
    size_t row = (size_t)count * ax_dtype_size(w->port->dtype);
    if (!a->bare)
        buf_char(w->out, '[');
    for (int64_t r = 0; r < a->rows && !w->out->failed; r++) {
        if (r)
            buf_char(w->out, ',');
        if (put_nested(w, (const char *)data + (size_t)r * row, r, 0, 0, count) < 0)
            return -1;
    }
    if (!a->bare)
        buf_char(w->out, ']');
    return 0;
}

/* ---- predictions
 * ------------------------------------------------------------------------------------- */

static void put_class(writer *w, int64_t c, float value)
{
    const ax_model_info *m = w->p->model->info;
    buf_str(w->out, "\"class\":");
    buf_i64(w->out, c);
    if (m->labels && c < m->n_labels) {
        buf_str(w->out, ",\"label\":");
        buf_json(w->out, m->labels[c]);
    }
    buf_str(w->out, m->classifies ? ",\"probability\":" : ",\"score\":");
    if (isfinite(value))
        buf_f32(w->out, value);
    else
        non_finite(w, (double)value, 0, c); /* allowed, or the output would have failed */
}

static int has_nan(const float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (isnan(y[i]))
            return 1;
    return 0;
}

/* Where a number is NaN, no class is the best. */
static void put_no_class(writer *w)
{
    const ax_model_info *m = w->p->model->info;
    buf_str(w->out, m->labels ? "\"class\":null,\"label\":null" : "\"class\":null");
    buf_str(w->out, m->classifies ? ",\"probability\":null" : ",\"score\":null");
    if (w->p->args.top)
        buf_str(w->out, ",\"top\":[]");
}

/* The k best classes in order, by repeated search: k is small. Ties go to the lower class. */
static void put_top(writer *w, const float *y, int64_t n, int64_t k)
{
    int64_t last = -1;
    for (int64_t i = 0; i < k; i++) {
        int64_t best = -1;
        for (int64_t c = 0; c < n; c++)
            if ((last < 0 || y[last] > y[c] || (y[last] == y[c] && c > last)) &&
                (best < 0 || y[c] > y[best]))
                best = c;
        buf_str(w->out, i ? ",{" : "{");
        put_class(w, best, y[best]);
        buf_char(w->out, '}');
        last = best;
    }
}

static void put_prediction(writer *w, const float *y, int64_t n)
{
    int64_t best = 0;
    for (int64_t c = 1; c < n; c++)
        if (y[c] > y[best])
            best = c;
    put_class(w, best, y[best]);
    if (w->p->args.top) {
        buf_str(w->out, ",\"top\":[");
        put_top(w, y, n, w->p->args.top);
        buf_char(w->out, ']');
    }
}

/* One sigmoid: its number is the probability of class 1, and one half already says class 1. */
static void put_yes_or_no(writer *w, float y)
{
    const float both[] = {1 - y, y};
    int best = y >= 0.5f;
    put_class(w, best, both[best]);
    for (int64_t i = 0; i < w->p->args.top; i++) {
        int c = i ? !best : best;
        buf_str(w->out, i ? ",{" : ",\"top\":[{");
        put_class(w, c, both[c]);
        buf_str(w->out, i + 1 < w->p->args.top ? "}" : "}]");
    }
}

int64_t predict_classes(const ax_model_info *m)
{
    if (!m->batches || m->n_outputs != 1 || m->outputs[0].dtype != AX_F32 ||
        m->outputs[0].shape.rank != 1 || (!m->classifies && !m->labels))
        return 0;
    int64_t n = ax_shape_count(&m->outputs[0].shape);
    return n == 1 && m->classifies == 1 ? 2 : n;
}

/* The model's own output among those of the ticket, when it says classes; -1 otherwise. */
static int class_output(const predict *p)
{
    const ax_model_info *m = p->model->info;
    for (int o = 0; predict_classes(m) && o < p->ticket.n_out; o++)
        if (!strcmp(p->ticket.port[o].name, m->outputs[0].name))
            return o;
    return -1;
}

static void put_predictions(writer *w)
{
    predict *p = w->p;
    int o = class_output(p);
    if (o < 0)
        return;
    int64_t n = ax_shape_count(&p->ticket.port[o].shape);
    int yes_or_no = n == 1 && p->model->info->classifies == 1;
    buf_str(w->out, ",\"predictions\":[");
    for (int64_t r = 0; r < p->args.rows && !w->out->failed; r++) {
        const float *y = (const float *)p->ticket.out[o] + r * n;
        buf_str(w->out, r ? ",{" : "{");
        if (has_nan(y, n))
            put_no_class(w);
        else if (yes_or_no)
            put_yes_or_no(w, *y);
        else
            put_prediction(w, y, n);
        buf_char(w->out, '}');
    }
    buf_char(w->out, ']');
}

/* ---- answers
 * ------------------------------------------------------------------------------------------ */

static int render_json(writer *w)
{
    predict *p = w->p;
    buf *b = w->out;
    int named = p->args.n_outputs || p->ticket.n_out > 1;
    buf_str(b, "{\"model\":");
    buf_json(b, p->model->name);
    buf_str(b, ",\"version\":");
    buf_i64(b, p->model->version);
    buf_str(b, ",\"outputs\":");
    if (named)
        buf_char(b, '{');
    for (int o = 0; o < p->ticket.n_out; o++) {
        w->port = &p->ticket.port[o];
        if (o)
            buf_char(b, ',');
        if (named) {
            buf_json(b, w->port->name);
            buf_char(b, ':');
        }
        if (put_tensor(w, p->ticket.out[o]) < 0)
            return -1;
    }
    if (named)
        buf_char(b, '}');
    put_predictions(w);
    if (p->args.timings) {
        const request *r = p->r;
        buf_printf(b,
                   ",\"timings\":{\"parse_us\":%.1f,\"queue_us\":%.1f,\"compute_us\":%.1f,\"render_"
                   "us\":%.1f}",
                   (double)r->parse_ns * 1e-3, (double)r->queue_ns * 1e-3,
                   (double)r->compute_ns * 1e-3, (double)(now_ns() - p->ticket.finished) * 1e-3);
    }
    buf_str(b, "}\n");
    return 0;
}

static int render_raw(writer *w)
{
    predict *p = w->p;
    request *r = p->r;
    char shape[160];
    w->port = &p->ticket.port[0];
    int64_t count = ax_shape_count(&w->port->shape), n = count * p->args.rows;
    const float *y = p->ticket.out[0];
    if (w->port->dtype != AX_F32)
        return problem_set(&r->why, 406, "not_acceptable",
                           "output '%s' is %s, a raw answer is float32", w->port->name,
                           ax_dtype_name(w->port->dtype));
    if (p->args.non_finite == NON_FINITE_ERROR)
        for (int64_t i = 0; i < n; i++)
            if (!isfinite(y[i]))
                return non_finite(w, (double)y[i], i / count, i % count);
    buf_add(w->out, y, (size_t)n * sizeof(float));
    ax_shape full = {.rank = 0};
    if (!p->args.bare)
        full.dim[full.rank++] = p->args.rows;
    for (int i = 0; i < w->port->shape.rank && full.rank < AX_MAX_RANK; i++)
        full.dim[full.rank++] = w->port->shape.dim[i];
    request_header(r, "X-Shape", ax_arena_strdup(&r->mem, wire_shape(&full, shape, sizeof shape)));
    request_header(r, "X-Model", ax_arena_strdup(&r->mem, p->model->name));
    request_header(r, "X-Version", ax_arena_printf(&r->mem, "%lld", (long long)p->model->version));
    return 0;
}

int predict_render(predict *p, const char **type)
{
    writer w = {.p = p, .out = &p->r->out};
    buf_clear(w.out);
    *type = p->r->accept_raw ? "application/octet-stream" : "application/json";
    return p->r->accept_raw ? render_raw(&w) : render_json(&w);
}
