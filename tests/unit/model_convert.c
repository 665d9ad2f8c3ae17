/* Models as files of ONNX and back: every layer type and every activation, read by our own importer
 * at a batch of its own; what comes back is the same model, from the notes in the file or, where
 * they are gone, from its nodes. That ONNX Runtime agrees is tests/onnx/converted.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <unistd.h>

#include "io/onnx_export.h"
#include "model.h"
#include "onnx_models.h"
#include "onnx_specs.h"

enum { BATCH = 5 };

static char folder[] = "/tmp/axon-convert-XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[4][128];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static ax_model *must_open(const char *what, const char *path)
{
    ax_err err = {0};
    ax_model *m = ax_model_open(path, &err);
    if (!m)
        fail_msg("%s: %s %s", what, err.msg, err.at);
    return m;
}

static void must_write_onnx(const char *what, const ax_model *m, const char *path)
{
    ax_err err = {0};
    if (ax_model_write_onnx(m, path, AX_ONNX_NAMED, &err))
        fail_msg("%s: %s", what, err.msg);
}

/* As other programs write: the graph alone. */
static void write_bare(const ax_net *n, ax_onnx_form form, const char *path)
{
    ax_pb b = {0};
    ax_outfile f;
    assert_int_equal(ax_net_write_onnx(n, form, NULL, 0, &b, NULL), 0);
    uint8_t *all = malloc(ax_pb_size(&b)), *end = all;
    size_t from = 0;
    for (int i = 0; i < b.pieces; i++) { /* by other means than ax_pb_each() */
        memcpy(end, b.data + from, b.piece[i].at - from);
        end += b.piece[i].at - from;
        memcpy(end, b.piece[i].data, b.piece[i].len);
        end += b.piece[i].len;
        from = b.piece[i].at;
    }
    memcpy(end, b.data + from, b.len - from);
    assert_int_equal(ax_outfile_open(&f, path, NULL), 0);
    ax_outfile_write(&f, all, ax_pb_size(&b));
    assert_int_equal(ax_outfile_commit(&f, NULL), 0);
    free(all);
    ax_pb_free(&b);
}

static ax_session *run(ax_model *m)
{
    ax_err err = {0};
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, &err);
    if (!s || ax_session_resize(s, BATCH, &err))
        fail_msg("%s", err.msg);
    for (int i = 0; i < ax_session_inputs(s); i++) {
        float *x = ax_session_input(s, i);
        for (int64_t k = 0; k < ax_shape_count(ax_session_input_shape(s, i)); k++)
            x[k] = (float)(6 * onnx_spec_uniform(500 + (uint64_t)i, k) - 3);
    }
    ax_session_run(s, NULL);
    return s;
}

/* The outputs of both, within `most` of the largest number. */
static void must_agree(const char *what, ax_model *a, ax_model *b, double most)
{
    ax_session *x = run(a), *y = run(b);
    assert_int_equal(ax_session_outputs(x), ax_session_outputs(y));
    for (int i = 0; i < ax_session_outputs(x); i++) {
        const ax_shape *shape = ax_session_output_shape(x, i);
        const float *p = ax_session_output(x, i), *q = ax_session_output(y, i);
        double largest = 0, off = 0;
        assert_string_equal(ax_session_output_port(x, i)->name, ax_session_output_port(y, i)->name);
        assert_true(ax_shape_equal(shape, ax_session_output_shape(y, i)));
        for (int64_t k = 0; k < ax_shape_count(shape); k++) {
            largest = fmax(largest, fabs((double)p[k]));
            off =
                fmax(off, isfinite(p[k]) || isfinite(q[k]) ? fabs((double)p[k] - (double)q[k]) : 0);
        }
        if (!(off <= most * largest))
            fail_msg("%s: output %d is off by %g of %g", what, i, off, largest);
    }
    ax_session_close(x);
    ax_session_close(y);
}

/* With the notes: spec and tensors are those that it was made of, bit by bit. */
static void must_come_back(const char *what, ax_model *ours, ax_model *onnx)
{
    ax_err err = {0};
    const char *path = in_folder("back.safetensors");
    if (ax_model_write_spec(onnx, path, &err))
        fail_msg("%s: %s", what, err.msg);
    ax_model *back = must_open(what, path);
    const ax_net *a = &ours->net, *b = &back->net;
    assert_string_equal(a->spec, b->spec);
    assert_int_equal(a->n_inits, b->n_inits);
    for (int i = 0; i < a->n_inits; i++) {
        const ax_value *v = &a->graph.val[a->inits[i].param], *w = &b->graph.val[b->inits[i].param];
        assert_string_equal(v->name, w->name);
        assert_memory_equal(v->data, w->data,
                            (size_t)ax_shape_count(&v->desc.shape) * sizeof(float));
    }
    ax_model_release(back);
}

/* Without: another spec that gives the same numbers. Or, where it may, none. */
static void must_be_read(const char *what, ax_model *ours, ax_onnx_form form, int may_fail)
{
    ax_err err = {0};
    write_bare(&ours->net, form, in_folder("bare.onnx"));
    ax_model *bare = must_open(what, in_folder("bare.onnx"));
    must_agree(what, ours, bare, 1e-6);
    int bad = ax_model_write_spec(bare, in_folder("read.safetensors"), &err);
    if (bad && (!may_fail || err.code != AX_EUNSUPPORTED))
        fail_msg("%s, from nodes: %s", what, err.msg);
    ax_model *read = bad ? NULL : must_open(what, in_folder("read.safetensors"));
    if (read)
        must_agree(what, ours, read, 1e-6);
    ax_model_release(read);
    ax_model_release(bare);
}

static ax_model *model_of(ax_net *n, const char *what, const char *spec)
{
    ax_err err = {0};
    ax_model *m = onnx_spec_net(n, spec, &err) ? NULL : ax_model_of_net(n, &err);
    if (!m)
        fail_msg("%s: %s %s", what, err.msg, err.at);
    return m;
}

static void layers(void **state)
{
    (void)state;
    for (int i = 0; i < ONNX_SPECS; i++) {
        const struct onnx_spec *s = &onnx_specs[i];
        ax_net n;
        ax_model *ours = model_of(&n, s->name, s->spec);
        must_write_onnx(s->name, ours, in_folder("m.onnx"));
        ax_model *onnx = must_open(s->name, in_folder("m.onnx"));
        const ax_model_info *info = ax_model_get_info(onnx);
        if (info->opset != s->opset)
            fail_msg("%s: opset %d, expected %d", s->name, (int)info->opset, s->opset);
        assert_true(info->batches);
        assert_string_equal(info->inputs[0].name, ours->info.inputs[0].name);
        must_agree(s->name, ours, onnx, 1e-6);
        must_come_back(s->name, ours, onnx);
        must_be_read(s->name, ours, AX_ONNX_NAMED, s->only_noted);
        ax_model_release(onnx);
        ax_model_release(ours);
        ax_net_fini(&n);
    }
}

/* One operator, which a reader knows again; else the file is as in doubles. */
static int has_operator(const ax_net *n)
{
    ax_pb a = {0}, b = {0};
    ax_net_write_onnx(n, AX_ONNX_NAMED, NULL, 0, &a, NULL);
    ax_net_write_onnx(n, AX_ONNX_EXACT, NULL, 0, &b, NULL);
    int differ = a.len != b.len || memcmp(a.data, b.data, a.len) != 0;
    ax_pb_free(&a);
    ax_pb_free(&b);
    return differ;
}

static void activations(void **state)
{
    (void)state;
    char spec[1200];
    int rows, known = 0;
    const ax_act_row *row = ax_act_catalog(&rows);
    for (int i = 0; i < rows; i++)
        for (int f = 0; f < ONNX_ACT_FORMS; f++) {
            ax_net n;
            if (!onnx_act_spec(&row[i], f, spec, sizeof spec))
                continue;
            ax_model *ours = model_of(&n, row[i].name, spec);
            must_write_onnx(row[i].name, ours, in_folder("m.onnx"));
            ax_model *onnx = must_open(row[i].name, in_folder("m.onnx"));
            int named = has_operator(&n);
            known += named;
            must_agree(row[i].name, ours, onnx, 1e-6);
            must_come_back(row[i].name, ours, onnx);
            must_be_read(row[i].name, ours, AX_ONNX_NAMED, !named);
            if (f == 0 && named)
                must_be_read(row[i].name, ours, AX_ONNX_EXACT, 1);
            ax_model_release(onnx);
            ax_model_release(ours);
            ax_net_fini(&n);
        }
    assert_true(known > 60);
}

/* Name, labels and summary are the model's in the file, too. */
static void notes(void **state)
{
    (void)state;
    ax_net n;
    const struct onnx_spec *s = onnx_specs;
    while (strcmp(s->name, "labels") != 0)
        s++;
    ax_model_release(model_of(&n, s->name, s->spec));
    assert_int_equal(ax_model_write(in_folder("n.safetensors"), &n, "{\"epochs\":3}", NULL), 0);
    ax_net_fini(&n);
    ax_model *ours = must_open("labels", in_folder("n.safetensors"));
    must_write_onnx("labels", ours, in_folder("other.onnx"));
    ax_model_release(ours);
    ax_model *onnx = must_open("labels", in_folder("other.onnx"));
    const ax_model_info *info = ax_model_get_info(onnx);
    assert_string_equal(info->name, "named");
    assert_string_equal(info->training, "{\"epochs\":3}");
    assert_int_equal(info->n_labels, 3);
    assert_string_equal(info->labels[1], "b \"c\"");
    assert_int_equal(info->classifies, 2);
    assert_int_equal(ax_model_write_spec(onnx, in_folder("n2.safetensors"), NULL), 0);
    ax_model_release(onnx);
    ax_model *back = must_open("labels", in_folder("n2.safetensors"));
    assert_string_equal(ax_model_get_info(back)->training, "{\"epochs\":3}");
    assert_int_equal(ax_model_get_info(back)->n_labels, 3);
    ax_model_release(back);
}

/* ---- files of others ------------------------------------------------------------------------- */

static const float numbers[64] = {.5f, -1,   2, .25f, 3,     -.5f, 1,     1.5f,
                                  -2,  .75f, 0, 1,    -.25f, 4,    .125f, -3};

static file *first_file(const char *in1, const char *in2, const char *in3)
{
    static file f;
    begin(&f, 13);
    PORT(&f, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, "N", in1, in2, in3);
    return &f;
}

static void last_of(file *f, const char *y)
{
    ax_onnx_put_value(&f->o, AX_ONNX_OUTPUT, y, AX_ONNX_FLOAT, (const char *[]){"N", "k"}, 2);
    finish_file(f, in_folder("other.onnx"));
}

/* The file read and written as a spec; "" and the model, or why not. */
static ax_model *taken(ax_err *err)
{
    *err = (ax_err){0};
    ax_model *m = must_open("other", in_folder("other.onnx")), *ours = NULL;
    if (!ax_model_write_spec(m, in_folder("other.safetensors"), err)) {
        ours = must_open("other", in_folder("other.safetensors"));
        must_agree("other", m, ours, 1e-6);
    }
    ax_model_release(m);
    return ours;
}

static void must_have(const ax_model *m, const char *spec)
{
    if (!strstr(ax_model_get_info(m)->spec, spec))
        fail_msg("%s, expected %s", ax_model_get_info(m)->spec, spec);
}

static void number(file *f, const char *name, float v)
{
    floats(f, name, &(ax_shape){0}, &v);
}

/* MatMul and Add are a dense layer with a bias, the parts of GELU are GELU, means over maps are a
 * global pool, x - mean over std is the input made normal. */
static void what_others_write(void **state)
{
    (void)state;
    ax_err err;
    file *f = first_file("2", "3", "4");
    floats(f, "mean", &AX_SHAPE(1, 2, 1, 1), numbers);
    floats(f, "std", &AX_SHAPE(2, 1, 1), numbers + 2);
    floats(f, "w", &AX_SHAPE(2, 5), numbers + 4);
    floats(f, "b", &AX_SHAPE(5), numbers);
    number(f, "root", 1.41421356f);
    number(f, "one", 1);
    number(f, "half", .5f);
    NODE(f, "Sub", "x1", "x", "mean");
    NODE(f, "Div", "x2", "x1", "std");
    NODE(f, "ReduceMean", "m", "x2");
    ax_onnx_put_ints(&f->o, "axes", (int64_t[]){2, 3}, 2);
    ax_onnx_put_int(&f->o, "keepdims", 0);
    NODE(f, "MatMul", "h", "m", "w");
    NODE(f, "Add", "hb", "b", "h");
    NODE(f, "Div", "g1", "hb", "root");
    NODE(f, "Erf", "g2", "g1");
    NODE(f, "Add", "g3", "g2", "one");
    NODE(f, "Mul", "g4", "hb", "g3");
    NODE(f, "Mul", "y", "g4", "half");
    last_of(f, "y");
    ax_model *m = taken(&err);
    if (!m)
        fail_msg("%s", err.msg);
    must_have(m, "\"scale\":[0.5,4]");
    must_have(m, "{\"type\":\"global_avg_pool2d\",");
    must_have(m, "{\"type\":\"dense\",\"units\":5,\"activation\":\"gelu\",\"name\":\"y\"}");
    assert_int_equal(ax_model_get_info(m)->n_layers, 2);
    assert_int_equal(ax_model_get_info(m)->params, 15);
    ax_model_release(m);
}

/* What has two uses is not taken into the layer before it, and every name is there once. */
static void shared_values(void **state)
{
    (void)state;
    ax_err err;
    file *f = first_file("2", "3", "4");
    floats(f, "w", &AX_SHAPE(2, 2, 1, 1), numbers);
    floats(f, "s", &AX_SHAPE(2, 1, 1), numbers + 4);
    NODE(f, "Conv", "a", "x", "w");
    NODE(f, "Sigmoid", "sig", "a");
    NODE(f, "Mul", "silu", "a", "sig");
    NODE(f, "Mul", "more", "silu", "s");
    NODE(f, "GlobalAveragePool", "p", "more");
    NODE(f, "Sigmoid", "gate", "p");
    NODE(f, "Mul", "gated", "more", "gate");
    NODE(f, "Add", "sum", "gated", "a");
    NODE(f, "Relu", "r", "sum");
    NODE(f, "Conv", "x/ y", "r", "w");
    NODE(f, "Add", "both", "x/ y", "sig");
    NODE(f, "Flatten", "y", "both");
    last_of(f, "y");
    ax_model *m = taken(&err);
    if (!m)
        fail_msg("%s", err.msg);
    must_have(m, "{\"type\":\"activation\",\"activation\":\"silu\"");
    must_have(m, "\"type\":\"batch_norm\",\"epsilon\":1e-12");
    must_have(m, "{\"type\":\"upsample2d\",\"size\":[3,4],");
    must_have(m, "\"type\":\"add\",\"activation\":\"relu\"");
    must_have(m, "\"name\":\"x__y\"");
    ax_model_release(m);
}

/* The parts that exporters make of an activation are the activation. */
static void spelled_out(void **state)
{
    (void)state;
    ax_err err;
    for (int i = 0; i < 4; i++) {
        static const char *const want[] = {"relu6", "mish", "hard_swish", "hard_swish"};
        char expected[80];
        file *f = first_file("2", "3", "4");
        number(f, "zero", 0);
        number(f, "three", 3);
        number(f, "six", 6);
        NODE(f, "GlobalMaxPool", "p", "x");
        NODE(f, "Flatten", "a", "p");
        if (i == 0) {
            NODE(f, "Clip", "y", "a", "zero", "six");
        } else if (i == 1) {
            NODE(f, "Softplus", "s", "a");
            NODE(f, "Tanh", "t", "s");
            NODE(f, "Mul", "y", "a", "t");
        } else if (i == 2) {
            NODE(f, "HardSigmoid", "h", "a");
            ax_onnx_put_float(&f->o, "alpha", 1 / 6.f);
            NODE(f, "Mul", "y", "a", "h");
        } else {
            NODE(f, "Add", "b", "a", "three");
            NODE(f, "Clip", "c", "b", "zero", "six");
            NODE(f, "Mul", "d", "a", "c");
            NODE(f, "Div", "y", "d", "six");
        }
        last_of(f, "y");
        ax_model *m = taken(&err);
        if (!m)
            fail_msg("%s: %s", want[i], err.msg);
        snprintf(expected, sizeof expected, "\"activation\":\"%s\"", want[i]);
        must_have(m, expected);
        assert_int_equal(ax_model_get_info(m)->n_layers, 2);
        ax_model_release(m);
    }
}

/* More of them than a formula holds are several. */
static void long_arithmetic(void **state)
{
    (void)state;
    ax_err err;
    static const char *const ops[] = {"Sin", "Abs", "Cos"};
    file *f = first_file("2", "3", "4");
    char now[16] = "n0", next[16];
    NODE(f, "Flatten", now, "x");
    for (int i = 0; i < 100; i++) {
        snprintf(next, sizeof next, i < 99 ? "n%d" : "y", i + 1);
        NODE(f, ops[i % 3], next, now);
        memcpy(now, next, sizeof now);
    }
    last_of(f, "y");
    ax_model *m = taken(&err);
    if (!m)
        fail_msg("%s", err.msg);
    assert_true(ax_model_get_info(m)->n_layers > 5);
    ax_model_release(m);
}

/* Each node that is no layer is named, with the reason; what only follows from it is not. */
static void what_is_refused(void **state)
{
    (void)state;
    ax_err err;
    file *f = first_file("2", "3", "4");
    NODE(f, "Floor", "a", "x");
    NODE(f, "Transpose", "t", "a");
    ax_onnx_put_ints(&f->o, "perm", (int64_t[]){0, 1, 3, 2}, 4);
    NODE(f, "MatMul", "mm", "x", "t");
    NODE(f, "LRN", "l", "x");
    ax_onnx_put_int(&f->o, "size", 3);
    NODE(f, "ReduceSum", "s", "l");
    NODE(f, "Sub", "d", "mm", "s");
    NODE(f, "CumSum", "c", "x", "axis");
    ints(f, "axis", 1, (int64_t[]){1});
    NODE(f, "ReduceMax", "r", "c");
    NODE(f, "Add", "y", "d", "r");
    last_of(f, "y");
    assert_null(taken(&err));
    assert_int_equal(err.code, AX_EUNSUPPORTED);
    if (!strstr(err.msg, "MatMul 'mm': its weights are computed") ||
        !strstr(err.msg, "LRN 'l': no layer does this") || !strstr(err.msg, "CumSum 'c'") ||
        strstr(err.msg, "'s'") || strstr(err.msg, "'d'") || strstr(err.msg, "'y'"))
        fail_msg("%s", err.msg);
    assert_int_equal(access(in_folder("other.safetensors"), F_OK), -1);
}

/* Labels that do not fit the output are damage. */
static void bad_notes(void **state)
{
    static const char *const labels[] = {"[\"a\"]", "[1,2,3]", "{}", "[\"a\",",
                                         "[\"a\",\"b\",\"c\",\"d\"]"};
    (void)state;
    ax_net n;
    ax_model_release(model_of(&n, "labels", onnx_specs[4].spec));
    for (size_t i = 0; i < sizeof labels / sizeof *labels + 1; i++) {
        ax_pb b = {0};
        ax_err err = {0};
        const ax_onnx_note note[] = {{AX_ONNX_LABELS, i ? labels[i - 1] : NULL},
                                     {AX_ONNX_TRAINING, i ? NULL : "[]"},
                                     {"other.labels", "\xff"}};
        assert_int_equal(ax_net_write_onnx(&n, AX_ONNX_NAMED, note, 3, &b, NULL), 0);
        ax_outfile f;
        assert_int_equal(ax_outfile_open(&f, in_folder("bad.onnx"), NULL), 0);
        ax_pb_each(&b, (void (*)(void *, const void *, size_t))ax_outfile_write, &f);
        assert_int_equal(ax_outfile_commit(&f, NULL), 0);
        ax_pb_free(&b);
        assert_null(ax_model_open(in_folder("bad.onnx"), &err));
        assert_int_equal(err.code, AX_ECORRUPT);
    }
    ax_net_fini(&n);
}

static int begin_all(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int end_all(void **state)
{
    (void)state;
    return ax_remove_tree(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_refused), cmocka_unit_test(what_others_write),
        cmocka_unit_test(spelled_out),     cmocka_unit_test(long_arithmetic),
        cmocka_unit_test(shared_values),   cmocka_unit_test(notes),
        cmocka_unit_test(bad_notes),       cmocka_unit_test(layers),
        cmocka_unit_test(activations),
    };
    return cmocka_run_group_tests(tests, begin_all, end_all);
}
