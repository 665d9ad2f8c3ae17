/* models.c - /models: list, card, upload, removal, reload. Changes run on the admin thread. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handlers.h"
#include "repository.h"
#include "wire.h"

enum { EXAMPLE = 64 }; /* inputs up to this size are written out in the example */

/* What open dimensions (-1 in the shape) are called. */
static void put_dims(buf *b, const ax_port *p)
{
    for (int i = 0; p->dims && i < p->shape.rank; i++) {
        buf_str(b, i ? "," : ",\"dims\":[");
        buf_json(b, p->dims[i]);
    }
    if (p->dims)
        buf_char(b, ']');
}

static void put_ports(buf *b, const ax_port *ports, int n)
{
    char shape[160];
    buf_char(b, '[');
    for (int i = 0; i < n; i++) {
        buf_str(b, i ? ",{\"name\":" : "{\"name\":");
        buf_json(b, ports[i].name);
        buf_printf(b, ",\"type\":\"%s\",\"shape\":%s", ax_dtype_name(ports[i].dtype),
                   ports[i].shape.rank < 0 ? "null"
                                           : wire_shape(&ports[i].shape, shape, sizeof shape));
        put_dims(b, &ports[i]);
        buf_char(b, '}');
    }
    buf_char(b, ']');
}

/* The name, the formula where it is one, all its parameters with the values in use, which of them
 * were learned, its gain. */
static void put_activation(buf *b, const ax_layer_info *l)
{
    const ax_act_row *row = l->act.row;
    if (!row)
        return;
    buf_str(b, ",\"activation\":");
    buf_json(b, row->name);
    if (row->program) {
        buf_str(b, ",\"formula\":");
        buf_json(b, row->formula);
    }
    int listed = row->params[0].name && !isnan(l->act.param[0]);
    for (int i = 0; listed && i < AX_ACT_PARAMS && row->params[i].name; i++) {
        buf_str(b, i ? "," : ",\"activation_params\":{");
        buf_json(b, row->params[i].name);
        buf_char(b, ':');
        buf_str(b, AX_NUMBER(l->act.param[i]));
    }
    buf_str(b, listed ? "}" : "");
    for (int i = 0, n = 0; l->act.learned >> i; i++) {
        if (!(l->act.learned >> i & 1))
            continue;
        buf_str(b, n++ ? "," : ",\"learned\":[");
        buf_json(b, row->params[i].name);
    }
    buf_printf(b, "%s,\"gain\":%.6g", l->act.learned ? "]" : "", l->gain);
}

static void put_layers(buf *b, const ax_model_info *m)
{
    char shape[160];
    buf_char(b, '[');
    for (int i = 0; i < m->n_layers; i++) {
        const ax_layer_info *l = &m->layers[i];
        buf_str(b, i ? ",{\"name\":" : "{\"name\":");
        buf_json(b, l->name);
        buf_str(b, ",\"type\":");
        buf_json(b, l->type);
        put_activation(b, l);
        buf_printf(b, ",\"shape\":%s,\"params\":%lld,\"flops\":%lld}",
                   wire_shape(&l->shape, shape, sizeof shape), (long long)l->params,
                   (long long)l->flops);
    }
    buf_char(b, ']');
}

/* Numbers of a whole example of input i; -1: none is known. */
static int64_t example_count(const ax_model *m, int i)
{
    ax_shape s;
    return ax_model_example_shape(m, i, &s) ? -1 : ax_shape_count(&s);
}

/* Zeros: few as they are, many as a piece of shell that makes them. */
static void put_zeros(buf *b, int64_t n, int shell)
{
    if (n > EXAMPLE && shell)
        buf_printf(b, "$(yes 0 | head -n %lld | paste -sd,)", (long long)n);
    for (int64_t i = 0; n <= EXAMPLE && i < n; i++)
        buf_str(b, i ? ",0" : "0");
}

/* Is the longest example shorter than n numbers? None is for a model that nothing is known of. */
static int examples_within(const ax_model *m, int64_t n)
{
    for (int i = 0; i < ax_model_get_info(m)->n_inputs; i++) {
        int64_t count = example_count(m, i);
        if (count < 0 || count > n)
            return 0;
    }
    return 1;
}

/* The name of an input in quotes, as JSON, for a shell within its double quotes. */
static void put_name(buf *b, const char *name, int shell)
{
    buf text = {0};
    buf_json(&text, name);
    for (size_t i = 0; i < text.len; i++) {
        if (shell && strchr("\"\\$`", text.data[i]))
            buf_char(b, '\\');
        buf_char(b, text.data[i]);
    }
    buf_free(&text);
}

static void put_input(buf *b, const ax_model *m, int i, int shell)
{
    char text[160];
    ax_shape s = {0};
    const char *quote = shell ? "\\\"" : "\"";
    ax_model_example_shape(m, i, &s);
    int batches = ax_model_get_info(m)->batches;
    if (batches)
        buf_str(b, s.rank > 1 ? "[[" : "[");
    else
        buf_printf(b, "{%sshape%s:%s,%sdata%s:[", quote, quote, wire_shape(&s, text, sizeof text),
                   quote, quote);
    put_zeros(b, ax_shape_count(&s), shell);
    buf_str(b, !batches ? "]}" : s.rank > 1 ? "]]" : "]");
}

static void put_body(buf *b, const ax_model *model, int shell)
{
    const ax_model_info *m = ax_model_get_info(model);
    const char *quote = shell ? "\\\"" : "\"";
    int named = m->n_inputs > 1 || !m->batches;
    buf_printf(b, "{%sinputs%s:%s", quote, quote, named ? "{" : "");
    for (int i = 0; i < m->n_inputs; i++) {
        if (named) {
            buf_str(b, i ? "," : "");
            put_name(b, m->inputs[i].name, shell);
            buf_char(b, ':');
        }
        put_input(b, model, i, shell);
    }
    buf_str(b, named ? "}}" : "}");
}

/* curl lines that work as they stand, when pasted into a shell. */
static void put_examples(buf *b, const request *r, const served *s)
{
    const ax_model_info *m = s->info;
    const char *host = r->host[0] ? r->host : r->app->address;
    buf line = {0};
    if (!examples_within(s->model, INT64_MAX))
        return;
    buf_printf(&line,
               "curl -s http://%s/models/%s/predict -H 'Content-Type: application/json' -d \"",
               host, s->name);
    put_body(&line, s->model, 1);
    buf_str(&line, "\"");
    buf_char(&line, 0);
    buf_str(b, ",\"curl\":");
    buf_json(b, line.failed ? NULL : line.data);
    buf_clear(&line);
    if (examples_within(s->model, EXAMPLE)) {
        buf_str(b, ",\"example\":");
        put_body(b, s->model, 0);
    }
    const ax_shape *in = &m->inputs[0].shape;
    if (m->batches && m->n_inputs == 1 && m->inputs[0].dtype == AX_F32 && in->rank == 3 &&
        (in->dim[0] == 1 || in->dim[0] == 3)) {
        buf_printf(&line,
                   "curl -s http://%s/models/%s/predict -H 'Content-Type: image/png' --data-binary "
                   "@picture.png",
                   host, s->name);
        buf_char(&line, 0);
        buf_str(b, ",\"curl_picture\":");
        buf_json(b, line.failed ? NULL : line.data);
    }
    buf_free(&line);
}

static void put_summary(buf *b, const served *s)
{
    buf_str(b, "\"name\":");
    buf_json(b, s->name);
    buf_printf(b, ",\"version\":%lld,\"state\":\"available\",\"format\":", (long long)s->version);
    buf_json(b, s->info->format);
    if (s->info->producer) {
        buf_str(b, ",\"producer\":");
        buf_json(b, s->info->producer);
        buf_printf(b, ",\"opset\":%lld", (long long)s->info->opset);
    }
    buf_printf(b, ",\"batches\":%s,\"inputs\":", s->info->batches ? "true" : "false");
    put_ports(b, s->info->inputs, s->info->n_inputs);
    buf_str(b, ",\"outputs\":");
    put_ports(b, s->info->outputs, s->info->n_outputs);
    buf_printf(
        b, ",\"params\":%lld,\"flops\":%lld,\"bytes\":%lld,\"hash\":", (long long)s->info->params,
        (long long)s->info->flops, (long long)s->info->file_bytes);
    buf_json(b, s->info->hash);
    buf_str(b, ",\"file_hash\":");
    buf_json(b, s->info->file_hash);
}

static void put_versions(buf *b, const request *r, const char *name)
{
    int n, some = 0;
    served **list = repository_list(r->app->models, &n);
    buf_str(b, ",\"versions\":[");
    for (int i = 0; i < n; i++) {
        if (!strcmp(list[i]->name, name))
            buf_printf(b, "%s%lld", some++ ? "," : "", (long long)list[i]->version);
        served_release(list[i]);
    }
    free(list);
    buf_char(b, ']');
}

static void put_card(buf *b, const request *r, const served *s)
{
    const ax_model_info *m = s->info;
    buf_char(b, '{');
    put_summary(b, s);
    put_versions(b, r, s->name);
    buf_str(b, ",\"layers\":");
    put_layers(b, m);
    if (m->labels) {
        buf_str(b, ",\"labels\":[");
        for (int i = 0; i < m->n_labels; i++) {
            if (i)
                buf_char(b, ',');
            buf_json(b, m->labels[i]);
        }
        buf_char(b, ']');
    }
    buf_printf(b, ",\"sample_ms\":%.4g,\"load_ms\":%.3g", (double)atomic_load(&s->row_ns) * 1e-6,
               s->load_ms);
    buf_printf(b, ",\"self_test\":\"%s\"", m->self_test);
    if (m->training)
        buf_printf(b, ",\"training\":%s", m->training);
    put_examples(b, r, s);
    buf_str(b, "}\n");
}

/* ---- handlers
 * ------------------------------------------------------------------------------------------ */

void models_list(request *r)
{
    int n;
    char name[65];
    served **list = repository_list(r->app->models, &n);
    buf *b = &r->out;
    repository_default(r->app->models, name, sizeof name);
    buf_str(b, "{\"models\":[");
    for (int i = 0; i < n; i++) {
        buf_str(b, i ? ",{" : "{");
        put_summary(b, list[i]);
        buf_str(b, strcmp(name, list[i]->name) ? "}" : ",\"default\":true}");
        served_release(list[i]);
    }
    free(list);
    buf_str(b, "],\"failed\":[");
    repository_failures(r->app->models, b);
    buf_printf(b, "],\"ready\":%s}\n", app_get_state(r->app) == APP_READY ? "true" : "false");
    request_done(r, 200, "application/json");
}

/* The {version} of the path: 0 when there is none. */
static int version_of(request *r, int64_t *out)
{
    *out = repository_version(r->param[1]);
    return *out || !*r->param[1] ? 0 : repository_no_version(r->param[1], &r->why);
}

served *models_acquire(request *r)
{
    int64_t version;
    return version_of(r, &version)
               ? NULL
               : repository_acquire(r->app->models, r->param[0], version, &r->why);
}

int models_known(const app *a, const char *name)
{
    problem why = {0};
    served *s = repository_acquire(a->models, name, 0, &why);
    if (s)
        served_release(s);
    return s || why.status != 404; /* while they are being loaded nobody knows */
}

void models_get(request *r)
{
    served *s = models_acquire(r);
    if (!s) {
        request_refuse(r);
        return;
    }
    put_card(&r->out, r, s);
    served_release(s);
    request_done(r, 200, "application/json");
}

static void put_model(request *r)
{
    served *s = NULL;
    int failed = fsync(r->file) < 0
                     ? problem_from_errno(&r->why, errno, "the upload cannot be stored")
                     : repository_put(r->app->models, r->param[0], r->file_path, &s, &r->why);
    if (failed) {
        request_refuse(r);
        return;
    }
    r->file_path = NULL; /* it is the model's file now */
    put_card(&r->out, r, s);
    request_header(
        r, "Location",
        ax_arena_printf(&r->mem, "/models/%s/versions/%lld", s->name, (long long)s->version));
    served_release(s);
    request_done(r, 201, "application/json");
}

void models_put(request *r)
{
    int bad = 0;
    if (!r->received)
        bad = problem_set(&r->why, 400, "empty_body", "the body is empty: expected a model file");
    else if (app_get_state(r->app) == APP_LOADING) {
        bad = problem_set(&r->why, 503, "loading", "the models are being loaded");
        r->why.retry_after = 1;
    }
    if (bad)
        request_refuse(r);
    else
        request_offload(r, r->app->admin, put_model);
}

static void remove_model(request *r)
{
    int64_t version;
    int removed;
    if (version_of(r, &version) < 0 ||
        repository_remove(r->app->models, r->param[0], version, &removed, &r->why) < 0) {
        request_refuse(r);
        return;
    }
    buf_str(&r->out, "{\"deleted\":");
    buf_json(&r->out, r->param[0]);
    buf_printf(&r->out, ",\"versions\":%d}\n", removed);
    request_done(r, 200, "application/json");
}

void models_delete(request *r)
{
    if (repository_check_name(r->param[0], &r->why) < 0)
        request_refuse(r);
    else
        request_offload(r, r->app->admin, remove_model);
}

static void reload(request *r)
{
    repository_report report;
    int failed = repository_load(r->app->models, &report);
    buf_printf(&r->out, "{\"kept\":%d,\"loaded\":%d,\"removed\":%d,\"failed\":[", report.kept,
               report.loaded, report.removed);
    buf_add(&r->out, report.failures.data, report.failures.len);
    buf_str(&r->out, "]");
    if (failed)
        buf_printf(
            &r->out,
            ",\"error\":\"%d model files could not be loaded; what was served before stays\","
            "\"code\":\"reload_failed\"",
            failed);
    buf_str(&r->out, "}\n");
    buf_free(&report.failures);
    request_done(r, failed ? 422 : 200, "application/json");
}

void models_reload(request *r)
{
    if (wire_empty(r->body.data ? r->body.data : "", r->body.len, &r->mem, &r->why) < 0)
        request_refuse(r);
    else
        request_offload(r, r->app->admin, reload);
}
