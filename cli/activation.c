/* activation.c - `axond activation`: explain, evaluate and draw an activation or a formula. */
#include "activation.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "progress.h"

enum { MOST = 100000, PLOT_ROWS = 20, PLOT_COLUMNS = 100, STEPS = 16 };

typedef struct wish {
    const char *x, *range, *dialect, *plot, *onnx;
    option_list params;
    int64_t derivatives;
    int json, markdown, exact;
    double from, to, step; /* of range */
} wish;

/* ---- which activation ------------------------------------------------------------------------ */

/* A word is a name, everything else a formula; "x" alone is one, too. */
static int is_formula(const char *text)
{
    if (!strcmp(text, "x"))
        return 1;
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("_-", *p))
            return 1;
    return isdigit((unsigned char)*text);
}

/* "alpha=0.5" */
static int read_param(const char *text, char name[32], double *value, ax_err *err)
{
    const char *is = strchr(text, '=');
    char *end = NULL;
    size_t n = is ? (size_t)(is - text) : 0;
    if (n && n < 32)
        *value = strtod(is + 1, &end);
    if (!end || end == is + 1 || *end || !isfinite(*value))
        return ax_fail(err, AX_EINVAL, "--param: '%.60s' is not NAME=NUMBER", text);
    memcpy(name, text, n);
    name[n] = 0;
    return 0;
}

/* As the JSON that models and requests have it in. */
static cJSON *describe(const wish *w, const char *text, int formula, ax_err *err)
{
    cJSON *o = cJSON_CreateObject(), *params = o;
    cJSON_AddStringToObject(o, formula ? "formula" : "name", text);
    if (w->dialect)
        cJSON_AddStringToObject(o, "dialect", w->dialect);
    if (formula)
        params = cJSON_AddObjectToObject(o, "params");
    for (int i = 0; i < w->params.n; i++) {
        char name[32];
        double value = 0;
        if (read_param(w->params.item[i], name, &value, err) < 0 ||
            (cJSON_HasObjectItem(params, name) &&
             ax_fail(err, AX_EINVAL, "--param: '%s' is given twice, or is no parameter", name))) {
            cJSON_Delete(o);
            return NULL;
        }
        cJSON_AddNumberToObject(params, name, value);
    }
    return o;
}

static int find(const wish *w, const char *text, ax_arena *mem, ax_act *out, ax_err *err)
{
    int formula = !w->dialect && is_formula(text);
    cJSON *o = describe(w, text, formula, err);
    int bad = !o || ax_act_from_json(o, mem, out, err);
    cJSON_Delete(o);
    if (bad && !formula)
        err->at[0] = 0;
    if (bad)
        ax_formula_declare_as(err, "--param ", "=1");
    return bad ? -1 : 0;
}

/* ---- where ----------------------------------------------------------------------------------- */

static int read_x(const char *text, ax_arena *mem, explained *e, ax_err *err)
{
    e->x = AX_ARRAY(mem, float, strlen(text) / 2 + 1);
    if (!e->x)
        return ax_fail(err, AX_ENOMEM, "no memory for the numbers");
    for (const char *p = text;; p++) {
        char *end;
        e->x[e->n] = strtof(p, &end);
        if (end == p || (*end && *end != ','))
            return ax_fail(err, AX_EINVAL, "--x: '%.40s' does not begin with a number; expected -2,0,2", p);
        e->n++;
        p = end;
        if (!*p)
            return 0;
    }
}

/* "-4:4:0.5", or "-4:4" */
static int read_range(wish *w, ax_err *err)
{
    char *end;
    w->from = strtod(w->range, &end);
    int good = end != w->range && *end == ':';
    const char *p = end + good;
    w->to = strtod(p, &end);
    good = good && end != p;
    w->step = (w->to - w->from) / STEPS;
    if (good && *end == ':') {
        p = end + 1;
        w->step = strtod(p, &end);
        good = end != p;
    }
    if (!good || *end || !isfinite(w->from) || !isfinite(w->to) || !(w->step > 0) || !(w->to > w->from))
        return ax_fail(err, AX_EINVAL, "--range: '%.60s' is not FROM:TO:STEP, as -4:4:0.5", w->range);
    if ((w->to - w->from) / w->step > MOST)
        return ax_fail(err, AX_ELIMIT, "--range: '%.60s' has more than %d steps", w->range, MOST);
    return 0;
}

static int fill_range(const wish *w, ax_arena *mem, explained *e, ax_err *err)
{
    e->n = (int64_t)floor((w->to - w->from) / w->step + 1e-9) + 1;
    if (!(e->x = AX_ARRAY(mem, float, e->n)))
        return ax_fail(err, AX_ENOMEM, "no memory for the numbers");
    for (int64_t i = 0; i < e->n; i++) {
        double v = w->from + (double)i * w->step;
        e->x[i] = fabs(v) < 1e-9 * w->step ? 0 : (float)v; /* -0.3 + 3*0.1 is meant to be 0 */
    }
    return 0;
}

static int evaluate(explained *e, ax_arena *mem, ax_err *err)
{
    static void (*const order[3])(const ax_act *, const float *, float *, size_t) = {
        ax_act_forward, ax_act_derivative, ax_act_second};
    int vector = e->act.row->kind == AX_ACT_VECTOR;
    e->out = vector ? ax_act_out_len(&e->act, e->n) : e->n;
    if (e->out < 0)
        return ax_fail(err, AX_ESHAPE, "%s takes a multiple of %lld numbers, --x has %lld", e->act.row->name,
                       (long long)ax_act_out_div(&e->act), (long long)e->n);
    for (int i = 0; i <= e->derivatives; i++) {
        if (!(e->y[i] = AX_ARRAY(mem, float, e->out)))
            return ax_fail(err, AX_ENOMEM, "no memory for the results");
        if (vector)
            ax_act_rows(&e->act, e->x, e->y[i], 1, e->n, 1);
        else
            order[i](&e->act, e->x, e->y[i], (size_t)e->n);
    }
    return 0;
}

/* ---- the picture ----------------------------------------------------------------------------- */

static int write_svg(const ax_plot *p, const char *path, ax_err *err)
{
    size_t len;
    ax_outfile f;
    char *svg = ax_plot_svg(p, &len);
    if (!svg)
        return ax_fail(err, AX_ENOMEM, "no memory for the picture");
    int bad = ax_outfile_open(&f, path, err);
    if (!bad) {
        ax_outfile_write(&f, svg, len);
        bad = ax_outfile_commit(&f, err);
    }
    free(svg);
    return bad;
}

static int write_text(const ax_plot *p, ax_err *err)
{
    int columns = progress_width(stdout);
    char *text = ax_plot_text(p, columns < PLOT_COLUMNS ? columns - 1 : PLOT_COLUMNS, PLOT_ROWS, text_utf8());
    if (!text)
        return ax_fail(err, AX_ENOMEM, "no memory for the picture");
    printf("\n%s", text);
    free(text);
    return 0;
}

/* A picture that was not asked for is left out where there can be none. */
static int draw(const wish *w, const explained *e, ax_err *err)
{
    ax_plot_curve curve = {e->act, e->label};
    ax_plot p = {&curve, 1, w->from, w->to, e->x ? e->derivatives : 0};
    ax_err why;
    if (!w->plot && (w->json || !isatty(STDOUT_FILENO) || ax_plot_check(&p, &why) < 0))
        return 0;
    if (ax_plot_check(&p, err) < 0)
        return -1;
    return w->plot && strcmp(w->plot, "-") ? write_svg(&p, w->plot, err) : write_text(&p, err);
}

/* ---- the model ------------------------------------------------------------------------------- */

static int write_bytes(const ax_pb *b, const char *path, ax_err *err)
{
    ax_outfile f;
    if (!strcmp(path, "-")) {
        if (fwrite(b->data, 1, b->len, stdout) == b->len && fflush(stdout) == 0)
            return 0;
        return ax_fail(err, AX_EIO, "--onnx: standard output cannot be written");
    }
    if (ax_outfile_open(&f, path, err) < 0)
        return -1;
    ax_outfile_write(&f, b->data, b->len);
    return ax_outfile_commit(&f, err);
}

static int write_onnx(const wish *w, const ax_act *a, ax_err *err)
{
    ax_pb b = {0};
    int bad = ax_act_write_onnx(a, w->exact ? AX_ONNX_EXACT : AX_ONNX_NAMED, &b, err) < 0 ||
              write_bytes(&b, w->onnx, err) < 0;
    ax_pb_free(&b);
    return bad ? -1 : 0;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int usage(const char *what)
{
    ax_err err;
    ax_fail(&err, AX_EINVAL, "%s", what);
    cli_error("activation", &err);
    return EXIT_USAGE;
}

static int catalogue(const wish *w)
{
    ax_err err;
    if (w->x || w->range || w->dialect || w->plot || w->onnx || w->params.n)
        return usage("which activation? axond activation lists them");
    int bad = w->markdown ? activation_page(stdout) : w->json ? activation_catalog_json(stdout) : 0;
    if (!w->markdown && !w->json)
        activation_list(stdout);
    if (!bad)
        return EXIT_DONE;
    ax_fail(&err, AX_ENOMEM, "no memory for the catalogue");
    cli_error("activation", &err);
    return EXIT_FAILED;
}

/* What the words say, into e: EXIT_DONE, or EXIT_USAGE with err. */
static int understand(wish *w, const char *text, ax_arena *mem, explained *e, ax_err *err)
{
    e->label = text;
    if ((w->range && read_range(w, err) < 0) || find(w, text, mem, &e->act, err) < 0)
        return EXIT_USAGE;
    int vector = e->act.row->kind == AX_ACT_VECTOR;
    if (vector && w->derivatives > 0) {
        ax_fail(err, AX_EUNSUPPORTED, "%s works on whole rows: its derivative is a matrix, which is not "
                "shown here", e->act.row->name);
        return EXIT_USAGE;
    }
    e->derivatives = vector ? 0 : w->derivatives < 0 ? 2 : (int)w->derivatives;
    if ((w->x && read_x(w->x, mem, e, err) < 0) || (w->range && fill_range(w, mem, e, err) < 0) ||
        (e->x && evaluate(e, mem, err) < 0))
        return EXIT_USAGE;
    return EXIT_DONE;
}

static int show(const wish *w, const explained *e, ax_err *err)
{
    int bad = w->json ? activation_json(e, stdout)
              : e->x  ? activation_table(e, stdout)
                      : activation_card(e, stdout);
    if (bad < 0)
        return ax_fail(err, AX_ENOMEM, "no memory for the answer");
    return draw(w, e, err);
}

static int explain(wish *w, const char *text)
{
    explained e = {0};
    ax_err err;
    ax_arena mem;
    ax_arena_init(&mem, 0);
    int code = understand(w, text, &mem, &e, &err);
    if (!code && (w->onnx ? write_onnx(w, &e.act, &err) : show(w, &e, &err)) < 0)
        code = EXIT_FAILED;
    if (code)
        cli_error("activation", &err);
    ax_arena_fini(&mem);
    return code;
}

int cmd_activation(int argc, char **argv)
{
    int n, code;
    wish w = {.derivatives = -1, .from = -5, .to = 5};
    // clang-format off
    const option rows[] = {
        {"param",       OPTION_LIST,    &w.params,  "NAME=NUMBER", .help = "a parameter of the activation, or of the formula"},
        {"x",           OPTION_TEXT,    &w.x,       "LIST",        .help = "evaluate at these numbers: -2,0,2; a row for softmax and its like"},
        {"range",       OPTION_TEXT,    &w.range,   "FROM:TO:STEP", .help = "evaluate from FROM to TO: -4:4:0.5; STEP may be left out"},
        {"derivatives", OPTION_INTEGER, &w.derivatives, "N", 0, 2, .help = "0: f alone, 1: f', 2: f'', too (2)"},
        {"dialect",     OPTION_TEXT,    &w.dialect, "D",           .help = "NAME and defaults are those of pytorch, keras, jax or onnx"},
        {"plot",        OPTION_TEXT,    &w.plot,    "OUT.svg",     .help = "draw it into this file; -: with characters on stdout"},
        {"onnx",        OPTION_TEXT,    &w.onnx,    "FILE.onnx",   .help = "write it as an ONNX model; -: to stdout"},
        {"exact",       OPTION_SWITCH,  &w.exact,   .help = "with --onnx: simple operations in double precision, no operator by its name"},
        {"json",        OPTION_SWITCH,  &w.json,    .help = "everything as JSON"},
        {"markdown",    OPTION_SWITCH,  &w.markdown, .help = "the whole catalogue as a page of Markdown"},
    };
    // clang-format on
    const command_line line = {
        "activation",
        "[NAME | FORMULA] [--param k=v] [--x=-2,0,2 | --range=-4:4:0.5] [--plot OUT.svg]",
        "Explain an activation function: formula, derivative, parameters, accuracy, names elsewhere;\n"
        "evaluate it, draw it, write it as an ONNX model. A formula of your own works the same:\n"
        "'x*sigmoid(beta*x)' --param beta=1.7. On a terminal the curve is drawn below. Without a name:\n"
        "the catalogue.\n",
        rows,
        sizeof rows / sizeof *rows,
        0,
        1};
    if (!options_parse(&line, argc - 1, argv + 1, &n, &code))
        return code;
    if (w.x && w.range)
        return usage("--x and --range exclude each other");
    if (w.onnx && (w.x || w.range || w.plot || w.json || w.derivatives >= 0))
        return usage("--onnx writes a model and nothing else: only --param, --dialect and --exact go with it");
    if (w.exact && !w.onnx)
        return usage("--exact says how --onnx writes; it needs --onnx FILE");
    if (w.onnx && !strcmp(w.onnx, "-") && isatty(STDOUT_FILENO))
        return usage("--onnx -: a model is not written to a terminal; send it into a file or a pipe");
    if (w.markdown && (n || w.json))
        return usage("--markdown takes the whole catalogue, and nothing else");
    return n ? explain(&w, argv[1]) : catalogue(&w);
}
