/* onnx_reader.h - an ONNX file read back by other means: protobuf, the messages, and the nodes of
 * an element-wise graph evaluated one number at a time with the C library. Knows nothing of the
 * writer. */
#ifndef TESTS_ONNX_READER_H
#define TESTS_ONNX_READER_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NODES = 512, TENSORS = 256, NAME = 48 };

typedef struct span {
    const uint8_t *at, *end;
} span;

typedef struct field {
    int number;
    uint64_t v; /* varint, or the bits of a float */
    span in;    /* bytes */
} field;

typedef struct tensor {
    char name[NAME];
    int type, dims;
    int64_t dim[4];
    span data;
} tensor;

typedef struct node {
    char op[NAME], in[4][NAME], out[2][NAME], attributes[128];
    int ins, outs;
} node;

typedef struct value_info {
    char name[NAME], dims[64];
    int type, count;
} value_info;

typedef struct onnx_file {
    int64_t ir, opset;
    char producer[NAME], doc[1100], graph[NAME];
    value_info x, y;
    int inputs, outputs, nodes, tensors;
    node node[NODES];
    tensor tensor[TENSORS];
} onnx_file;

/* ---- protobuf ---- */

static uint64_t read_varint(span *s)
{
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        assert_true(s->at < s->end && shift < 70);
        v |= (uint64_t)(*s->at & 0x7f) << shift;
        if (!(*s->at++ & 0x80))
            return v;
    }
}

/* 0 at the end */
static int read_field(span *s, field *f)
{
    if (s->at == s->end)
        return 0;
    uint64_t key = read_varint(s);
    *f = (field){.number = (int)(key >> 3)};
    size_t n = 0;
    assert_true(f->number > 0);
    switch (key & 7) {
    case 0:
        f->v = read_varint(s);
        return 1;
    case 2:
        n = (size_t)read_varint(s);
        break;
    case 5:
        n = 4;
        break;
    default:
        fail_msg("wire type %d", (int)(key & 7));
    }
    assert_true(n <= (size_t)(s->end - s->at));
    f->in = (span){s->at, s->at + n};
    if ((key & 7) == 5)
        memcpy(&f->v, s->at, 4);
    s->at += n;
    return 1;
}

static void copy_text(char *to, size_t size, span s)
{
    size_t n = (size_t)(s.end - s.at);
    assert_true(n < size);
    memcpy(to, s.at, n);
    to[n] = 0;
}
#define TEXT(to, s) copy_text(to, sizeof(to), s)

/* ---- messages ---- */

/* " alpha=0.5", " axis=-1", " axes=[-1]", " approximate=none" */
static void read_attribute(span s, char *to, size_t size)
{
    char name[NAME] = "", text[64] = "";
    int type = 0;
    for (field f; read_field(&s, &f);) {
        float v;
        memcpy(&v, &f.v, sizeof v);
        if (f.number == 1)
            TEXT(name, f.in);
        else if (f.number == 20)
            type = (int)f.v;
        else if (f.number == 2)
            snprintf(text, sizeof text, "%.9g", (double)v);
        else if (f.number == 3)
            snprintf(text, sizeof text, "%lld", (long long)f.v);
        else if (f.number == 4)
            TEXT(text, f.in);
        else if (f.number == 8)
            snprintf(text, sizeof text, "[%lld]", (long long)f.v);
        else
            fail_msg("attribute with field %d", f.number);
        if (f.number <= 8 && f.number != 1) /* FLOAT, INT, STRING, INTS: it is said behind */
            assert_true(type == (f.number == 8 ? 7 : f.number - 1));
    }
    snprintf(to + strlen(to), size - strlen(to), " %s=%s", name, text);
}

static void read_node(span s, node *n)
{
    *n = (node){0};
    for (field f; read_field(&s, &f);) {
        if (f.number == 1 && n->ins < 4)
            TEXT(n->in[n->ins++], f.in);
        else if (f.number == 2 && n->outs < 2)
            TEXT(n->out[n->outs++], f.in);
        else if (f.number == 4)
            TEXT(n->op, f.in);
        else if (f.number == 5)
            read_attribute(f.in, n->attributes, sizeof n->attributes);
        else
            fail_msg("node with field %d", f.number);
    }
}

static void read_tensor(span s, tensor *t)
{
    *t = (tensor){0};
    for (field f; read_field(&s, &f);) {
        if (f.number == 1 && t->dims < 4)
            t->dim[t->dims++] = (int64_t)f.v;
        else if (f.number == 2)
            t->type = (int)f.v;
        else if (f.number == 8)
            TEXT(t->name, f.in);
        else if (f.number == 9)
            t->data = f.in;
        else
            fail_msg("tensor with field %d", f.number);
    }
    int64_t count = 1;
    for (int i = 0; i < t->dims; i++)
        count *= t->dim[i];
    assert_int_equal(t->data.end - t->data.at, count * (t->type == 1 ? 4 : 8));
}

static span inside(span s, int number)
{
    field f;
    assert_true(read_field(&s, &f));
    assert_int_equal(f.number, number);
    assert_true(s.at == s.end);
    return f.in;
}

/* ValueInfoProto { name, type { tensor { elem_type, shape { dim { dim_param } } } } } */
static void read_value(span s, value_info *v)
{
    *v = (value_info){0};
    for (field f; read_field(&s, &f);) {
        if (f.number == 1) {
            TEXT(v->name, f.in);
            continue;
        }
        assert_int_equal(f.number, 2);
        span tensor_type = inside(f.in, 1);
        for (field g; read_field(&tensor_type, &g);)
            if (g.number == 1)
                v->type = (int)g.v;
            else
                for (field d; read_field(&g.in, &d); v->count++) {
                    char dim[NAME];
                    TEXT(dim, inside(d.in, 2));
                    snprintf(v->dims + strlen(v->dims), sizeof v->dims - strlen(v->dims), "%s%s",
                             v->count ? "," : "", dim);
                }
    }
}

static void read_graph(span s, onnx_file *o)
{
    for (field f; read_field(&s, &f);) {
        if (f.number == 1 && o->nodes < NODES)
            read_node(f.in, &o->node[o->nodes++]);
        else if (f.number == 2)
            TEXT(o->graph, f.in);
        else if (f.number == 5 && o->tensors < TENSORS)
            read_tensor(f.in, &o->tensor[o->tensors++]);
        else if (f.number == 11 && ++o->inputs)
            read_value(f.in, &o->x);
        else if (f.number == 12 && ++o->outputs)
            read_value(f.in, &o->y);
        else
            fail_msg("graph with field %d", f.number);
    }
}

static void read_onnx(const uint8_t *data, size_t size, onnx_file *o)
{
    memset(o, 0, sizeof *o);
    span s = {data, data + size};
    for (field f; read_field(&s, &f);) {
        if (f.number == 1)
            o->ir = (int64_t)f.v;
        else if (f.number == 2)
            TEXT(o->producer, f.in);
        else if (f.number == 6)
            TEXT(o->doc, f.in);
        else if (f.number == 7)
            read_graph(f.in, o);
        else if (f.number == 8) {
            field v;
            assert_true(read_field(&f.in, &v) && v.number == 2);
            o->opset = (int64_t)v.v;
        } else
            fail_msg("model with field %d", f.number);
    }
}

/* ---- names: each once, each there before it is used ---- */

static int named_before(const onnx_file *o, const char *name, int nodes)
{
    int found = !strcmp(name, "x");
    for (int i = 0; i < o->tensors; i++)
        found += !strcmp(o->tensor[i].name, name);
    for (int i = 0; i < nodes; i++)
        for (int k = 0; k < o->node[i].outs; k++)
            found += !strcmp(o->node[i].out[k], name);
    return found;
}

static void check_names(const onnx_file *o)
{
    for (int i = 0; i < o->tensors; i++)
        assert_int_equal(named_before(o, o->tensor[i].name, o->nodes), 1);
    for (int i = 0; i < o->nodes; i++) {
        for (int k = 0; k < o->node[i].ins; k++)
            assert_int_equal(named_before(o, o->node[i].in[k], i), 1);
        for (int k = 0; k < o->node[i].outs; k++)
            assert_int_equal(named_before(o, o->node[i].out[k], o->nodes), 1);
    }
    assert_int_equal(named_before(o, "y", o->nodes), 1);
    assert_int_equal(o->inputs, 1);
    assert_int_equal(o->outputs, 1);
    assert_string_equal(o->x.name, "x");
    assert_string_equal(o->y.name, "y");
    assert_int_equal(o->x.type, 1);
    assert_int_equal(o->y.type, 1);
}

/* ---- values: an element-wise graph at one number ---- */

typedef struct number {
    double v;
    char type; /* f float, d double, b truth */
} number;

static double sign_of(double a)
{
    return a > 0 ? 1 : a < 0 ? -1 : a;
}
static double least(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : fmin(a, b);
}
static double most(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : fmax(a, b);
}
static double minus(double a)
{
    return -a;
}

static const struct {
    const char *op;
    double (*one)(double);
    double (*two)(double, double);
} library[] = {{"Exp", exp, 0},   {"Log", log, 0},      {"Sqrt", sqrt, 0}, {"Abs", fabs, 0},
               {"Sin", sin, 0},   {"Cos", cos, 0},      {"Tanh", tanh, 0}, {"Floor", floor, 0},
               {"Neg", minus, 0}, {"Sign", sign_of, 0}, {"Pow", 0, pow},   {"Min", 0, least},
               {"Max", 0, most}};

static number apply(const node *n, const number *in)
{
    const char *op = n->op;
    double a = in[0].v, b = in[1].v;
    char want = !strcmp(op, "And") || !strcmp(op, "Or") || !strcmp(op, "Not") ? 'b' : 'd';
    if (!strcmp(op, "Cast")) {
        assert_true(!strcmp(n->attributes, " to=11") || !strcmp(n->attributes, " to=1"));
        return !strcmp(n->attributes, " to=1") ? (number){(double)(float)a, 'f'} : (number){a, 'd'};
    }
    if (!strcmp(op, "Where")) {
        assert_true(in[0].type == 'b' && in[1].type == 'd' && in[2].type == 'd');
        return in[0].v != 0 ? in[1] : in[2];
    }
    for (int k = 0; k < n->ins; k++)
        assert_int_equal(in[k].type, want);
    for (size_t i = 0; i < sizeof library / sizeof *library; i++)
        if (!strcmp(op, library[i].op))
            return (number){library[i].one ? library[i].one(a) : library[i].two(a, b), 'd'};
    const struct {
        const char *op;
        double v;
        char type;
    } own[] = {{"Add", a + b, 'd'},           {"Sub", a - b, 'd'},
               {"Mul", a * b, 'd'},           {"Div", a / b, 'd'},
               {"Less", a < b, 'b'},          {"LessOrEqual", a <= b, 'b'},
               {"Equal", a == b, 'b'},        {"And", a != 0 && b != 0, 'b'},
               {"Or", a != 0 || b != 0, 'b'}, {"Not", a == 0, 'b'}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (!strcmp(op, own[i].op))
            return (number){own[i].v, own[i].type};
    fail_msg("the operation %s is not known everywhere", op);
    return (number){0};
}

/* Where each input of each node is: a tensor, a node before, or x. */
typedef struct wiring {
    int from[NODES][3]; /* >= 0: node, -1: x, below: tensor -2 - from */
} wiring;

static void wire(const onnx_file *o, wiring *w)
{
    for (int i = 0; i < o->nodes; i++)
        for (int k = 0; k < o->node[i].ins && k < 3; k++) {
            w->from[i][k] = -1;
            for (int t = 0; t < o->tensors; t++)
                if (!strcmp(o->tensor[t].name, o->node[i].in[k]))
                    w->from[i][k] = -2 - t;
            for (int j = 0; j < i; j++)
                if (!strcmp(o->node[j].out[0], o->node[i].in[k]))
                    w->from[i][k] = j;
        }
}

static float evaluate_onnx(const onnx_file *o, const wiring *w, float x)
{
    static number value[NODES];
    for (int i = 0; i < o->nodes; i++) {
        number in[3] = {{0}};
        for (int k = 0; k < o->node[i].ins && k < 3; k++) {
            int from = w->from[i][k];
            if (from >= 0) {
                in[k] = value[from];
            } else if (from == -1) {
                in[k] = (number){(double)x, 'f'};
            } else {
                assert_int_equal(o->tensor[-2 - from].type, 11);
                assert_int_equal(o->tensor[-2 - from].dims, 0);
                memcpy(&in[k].v, o->tensor[-2 - from].data.at, sizeof in[k].v);
                in[k].type = 'd';
            }
        }
        value[i] = apply(&o->node[i], in);
    }
    assert_int_equal(value[o->nodes - 1].type, 'f');
    assert_string_equal(o->node[o->nodes - 1].out[0], "y");
    return (float)value[o->nodes - 1].v;
}

#endif
