/* onnx_file.c - the reader: a message after the other, every count and length judged; see
 * onnx_file.h. Tensors are read by onnx_tensor.c. */
#include "io/onnx_file.h"

#include <stdio.h>
#include <string.h>

#include "io/bytes.h"
#include "io/onnx_read_impl.h"

enum { METADATA = 14 }; /* the field metadata_props of a model */

/* ---- pieces ---------------------------------------------------------------------------------- */

static int no_room(onnx_reader *r)
{
    return ax_fail(r->err, AX_ELIMIT,
                   "it needs more memory than a file of its size can be worth (%zu bytes)",
                   r->arena->limit);
}

void *onnx_room(onnx_reader *r, int64_t n, size_t size)
{
    size_t bytes;
    void *p = NULL;
    if (!__builtin_mul_overflow((size_t)n, size, &bytes) &&
        (p = ax_arena_raw(r->arena, bytes ? bytes : 1)))
        memset(p, 0, bytes);
    else
        no_room(r);
    return p;
}

const char *onnx_text(onnx_reader *r, const ax_pb_field *f)
{
    if (f->wire != AX_PB_BYTES) {
        ax_fail(r->err, AX_EPARSE, "field %d is a number where a text belongs", f->number);
        return NULL;
    }
    if (memchr(f->data, 0, f->len) || ax_utf8_valid((const char *)f->data, f->len) != f->len) {
        ax_fail(r->err, AX_EPARSE, "the text '%s' is not UTF-8, or has a 0 in it",
                ax_printable((char[64]){0}, 64, (const char *)f->data, f->len));
        return NULL;
    }
    char *s = ax_arena_raw(r->arena, f->len + 1);
    if (!s) {
        no_room(r);
        return NULL;
    }
    memcpy(s, f->data, f->len);
    s[f->len] = 0;
    return s;
}

int onnx_message(onnx_reader *r, const ax_pb_field *f, ax_pb_in *in)
{
    if (f->wire != AX_PB_BYTES)
        return ax_fail(r->err, AX_EPARSE, "field %d is a number where a message belongs",
                       f->number);
    *in = ax_pb_inside(f);
    return 0;
}

int onnx_int(onnx_reader *r, const ax_pb_field *f, int64_t *out)
{
    if (f->wire != AX_PB_VARINT)
        return ax_fail(r->err, AX_EPARSE, "field %d is not the whole number that belongs there",
                       f->number);
    *out = (int64_t)f->value;
    return 0;
}

/* What is read of each occurrence of a repeated message into its struct. */
typedef int read_one(onnx_reader *r, ax_pb_in in, void *out);

/* All messages in field `number`: an array of structs, in order. `name` is for the place of errors.
 */
static int all_of(onnx_reader *r, ax_pb_in in, int number, const char *name, read_one *one,
                  size_t size, const void *array, int *n)
{
    ax_pb_field f;
    int64_t count = ax_pb_count(in, number, AX_PB_BYTES, r->err);
    if (count < 0)
        return -1;
    if (count > ONNX_MANY)
        return ax_fail(r->err, AX_ELIMIT, "%lld times '%s', at most %d are taken", (long long)count,
                       name, ONNX_MANY);
    char *at = onnx_room(r, count, size);
    if (!at)
        return -1;
    memcpy((void *)(uintptr_t)array, &at, sizeof at);
    *n = 0;
    while (ax_pb_next(&in, &f, r->err) > 0) {
        if (f.number != number)
            continue;
        if (one(r, ax_pb_inside(&f), at + (size_t)*n * size))
            return ax_err_in(r->err, "%s[%d]", name, *n);
        ++*n;
    }
    return 0;
}

/* All texts in field `number`. */
static int all_texts(onnx_reader *r, ax_pb_in in, int number, const char *const **out, int64_t *n)
{
    ax_pb_field f;
    if ((*n = ax_pb_count(in, number, AX_PB_BYTES, r->err)) < 0)
        return -1;
    const char **text = onnx_room(r, *n, sizeof *text);
    if (!text)
        return -1;
    *out = text;
    while (ax_pb_next(&in, &f, r->err) > 0)
        if (f.number == number && !(*text++ = onnx_text(r, &f)))
            return -1;
    return 0;
}

static int all_names(onnx_reader *r, ax_pb_in in, int number, const char *const **out, int *n)
{
    int64_t count;
    if (all_texts(r, in, number, out, &count))
        return -1;
    if (count > ONNX_MANY)
        return ax_fail(r->err, AX_ELIMIT, "%lld names in one list, at most %d are taken",
                       (long long)count, ONNX_MANY);
    *n = (int)count;
    return 0;
}

static const char *domain_of(const char *s)
{
    return s && strcmp(s, "ai.onnx") ? s : s ? "" : NULL;
}

/* ---- types ----------------------------------------------------------------------------------- */

static int read_dim(onnx_reader *r, ax_pb_in in, void *out)
{
    ax_onnx_dim *d = out;
    ax_pb_field f;
    int more;
    *d = (ax_onnx_dim){-1, ""};
    while ((more = ax_pb_next(&in, &f, r->err)) > 0) {
        if (f.number == 1 && onnx_int(r, &f, &d->value))
            return -1;
        if (f.number == 2 && !(d->name = onnx_text(r, &f)))
            return -1;
    }
    if (d->value < -1) /* some writers mean "open" by a negative number */
        d->value = -1;
    return more;
}

static int read_shape(onnx_reader *r, ax_pb_in in, ax_onnx_port *p)
{
    if (all_of(r, in, 1, "dim", read_dim, sizeof *p->dim, &p->dim, &p->rank))
        return ax_err_in(r->err, "shape");
    return 0;
}

static int read_tensor_type(onnx_reader *r, ax_pb_in in, ax_onnx_port *p)
{
    ax_pb_field f;
    ax_pb_in shape;
    int64_t type = 0;
    int more;
    while ((more = ax_pb_next(&in, &f, r->err)) > 0) {
        if (f.number == 1) {
            if (onnx_int(r, &f, &type))
                return -1;
            p->type = type > 0 && type < 64 ? (int)type : 0;
        }
        if (f.number == 2 && (onnx_message(r, &f, &shape) || read_shape(r, shape, p)))
            return -1;
    }
    return more;
}

static int read_type(onnx_reader *r, ax_pb_in in, ax_onnx_port *p)
{
    static const struct {
        int field;
        const char *kind;
    } kinds[] = {{4, "sequence"}, {5, "map"}, {8, "sparse tensor"}, {9, "optional"}};
    ax_pb_field f;
    ax_pb_in tensor;
    int more;
    while ((more = ax_pb_next(&in, &f, r->err)) > 0) {
        if (f.number == 1 && (onnx_message(r, &f, &tensor) || read_tensor_type(r, tensor, p)))
            return -1;
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (f.number == kinds[i].field)
                p->kind = kinds[i].kind;
    }
    return more;
}

static int read_port(onnx_reader *r, ax_pb_in in, void *out)
{
    ax_onnx_port *p = out;
    ax_pb_field f;
    ax_pb_in type;
    int more;
    *p = (ax_onnx_port){.name = "", .rank = -1, .kind = "tensor"};
    while ((more = ax_pb_next(&in, &f, r->err)) > 0) {
        if (f.number == 1 && !(p->name = onnx_text(r, &f)))
            return -1;
        if (f.number == 2 && (onnx_message(r, &f, &type) || read_type(r, type, p)))
            return -1;
    }
    return more;
}

/* ---- attributes ------------------------------------------------------------------------------ */

static int read_graph(onnx_reader *r, ax_pb_in in, ax_onnx_graph *g);

static int read_floats(onnx_reader *r, ax_pb_in in, ax_onnx_attr *a)
{
    if ((a->n = ax_pb_count(in, 7, AX_PB_32, r->err)) < 0)
        return -1;
    uint64_t *bits = onnx_room(r, a->n, sizeof *bits);
    float *list = onnx_room(r, a->n, sizeof *list);
    if (!bits || !list)
        return -1;
    ax_pb_numbers(in, 7, AX_PB_32, bits);
    for (int64_t i = 0; i < a->n; i++)
        memcpy(&list[i], &(uint32_t){(uint32_t)bits[i]}, sizeof *list);
    a->floats = list;
    return 0;
}

static int read_ints(onnx_reader *r, ax_pb_in in, ax_onnx_attr *a)
{
    if ((a->n = ax_pb_count(in, 8, AX_PB_VARINT, r->err)) < 0)
        return -1;
    uint64_t *bits = onnx_room(r, a->n, sizeof *bits);
    if (!bits)
        return -1;
    ax_pb_numbers(in, 8, AX_PB_VARINT, bits);
    a->ints = (const int64_t *)bits;
    return 0;
}

static int read_list(onnx_reader *r, ax_pb_in in, ax_onnx_attr *a)
{
    switch (a->type) {
    case AX_ONNX_A_FLOATS:
        return read_floats(r, in, a);
    case AX_ONNX_A_INTS:
        return read_ints(r, in, a);
    case AX_ONNX_A_STRINGS:
        return all_texts(r, in, 9, &a->strings, &a->n);
    default:
        return 0;
    }
}

static int read_attr_field(onnx_reader *r, const ax_pb_field *f, ax_onnx_attr *a)
{
    ax_pb_in in;
    int64_t type = 0;
    switch (f->number) {
    case 1:
        return (a->name = onnx_text(r, f)) ? 0 : -1;
    case 2:
        if (f->wire != AX_PB_32)
            return ax_fail(r->err, AX_EPARSE, "field f is not a float32");
        memcpy(&a->f, &(uint32_t){(uint32_t)f->value}, sizeof a->f);
        return 0;
    case 3:
        return onnx_int(r, f, &a->i);
    case 4:
        return (a->s = onnx_text(r, f)) ? 0 : -1;
    case 5: {
        ax_onnx_tensor *t = onnx_room(r, 1, sizeof *t);
        a->t = t;
        return !t || onnx_message(r, f, &in) ? -1 : onnx_read_tensor(r, in, t);
    }
    case 6: {
        ax_onnx_graph *g = onnx_room(r, 1, sizeof *g);
        a->g = g;
        return !g || onnx_message(r, f, &in) ? -1 : read_graph(r, in, g);
    }
    case 20:
        if (onnx_int(r, f, &type))
            return -1;
        a->type = type > 0 && type < 64 ? (int)type : -1;
        return 0;
    case 21:
        return (a->of = onnx_text(r, f)) ? 0 : -1;
    default: /* lists are read as a whole; others say nothing that a run needs */
        return 0;
    }
}

static int check_attr(onnx_reader *r, const ax_onnx_attr *a)
{
    if (!*a->name)
        return ax_fail(r->err, AX_ECORRUPT, "an attribute has no name");
    if (a->type < 0 || a->type > AX_ONNX_A_STRINGS)
        return ax_fail(r->err, AX_EUNSUPPORTED,
                       "attribute '%.64s' is of type %d; floats, integers, texts, tensors and "
                       "graphs are taken",
                       a->name, a->type);
    if ((a->type == AX_ONNX_A_TENSOR && !a->t) || (a->type == AX_ONNX_A_GRAPH && !a->g))
        return ax_fail(r->err, AX_ECORRUPT, "attribute '%.64s' has no value", a->name);
    return 0;
}

static int read_attr(onnx_reader *r, ax_pb_in in, void *out)
{
    ax_onnx_attr *a = out;
    ax_pb_in all = in;
    ax_pb_field f;
    int more;
    *a = (ax_onnx_attr){.name = "", .of = "", .s = ""};
    while ((more = ax_pb_next(&in, &f, r->err)) > 0)
        if (read_attr_field(r, &f, a))
            return -1;
    return more || check_attr(r, a) || read_list(r, all, a) ? -1 : 0;
}

/* ---- nodes, graphs, functions ------------------------------------------------------------------
 */

static int read_node(onnx_reader *r, ax_pb_in in, void *out)
{
    ax_onnx_node *n = out;
    ax_pb_in all = in;
    ax_pb_field f;
    int more;
    *n = (ax_onnx_node){.op = "", .domain = "", .name = "", .overload = ""};
    while ((more = ax_pb_next(&in, &f, r->err)) > 0)
        if ((f.number == 3 && !(n->name = onnx_text(r, &f))) ||
            (f.number == 4 && !(n->op = onnx_text(r, &f))) ||
            (f.number == 7 && !(n->domain = domain_of(onnx_text(r, &f)))) ||
            (f.number == 8 && !(n->overload = onnx_text(r, &f))))
            return -1;
    if (more)
        return -1;
    if (!*n->op)
        return ax_fail(r->err, AX_ECORRUPT, "the node '%.64s' does not say which operator it is",
                       n->name);
    return all_names(r, all, 1, &n->in, &n->n_in) || all_names(r, all, 2, &n->out, &n->n_out) ||
                   all_of(r, all, 5, "attribute", read_attr, sizeof *n->attr, &n->attr, &n->n_attr)
               ? -1
               : 0;
}

static int read_init(onnx_reader *r, ax_pb_in in, void *out)
{
    ax_onnx_tensor *t = out;
    if (onnx_read_tensor(r, in, t))
        return -1;
    return *t->name ? 0 : ax_fail(r->err, AX_ECORRUPT, "an initializer has no name");
}

static int read_graph(onnx_reader *r, ax_pb_in in, ax_onnx_graph *g)
{
    ax_pb_in all = in;
    ax_pb_field f;
    int more;
    if (r->depth >= AX_ONNX_MAX_DEPTH)
        return ax_fail(r->err, AX_ELIMIT, "graphs lie within graphs deeper than %d",
                       AX_ONNX_MAX_DEPTH);
    r->depth++;
    *g = (ax_onnx_graph){.name = ""};
    while ((more = ax_pb_next(&in, &f, r->err)) > 0) {
        if (f.number == 2 && !(g->name = onnx_text(r, &f)))
            return -1;
        if (f.number == 15)
            return ax_fail(r->err, AX_EUNSUPPORTED,
                           "sparse initializers are not taken; store them dense");
    }
    if (more ||
        all_of(r, all, 5, "initializer", read_init, sizeof *g->init, &g->init, &g->n_init) ||
        all_of(r, all, 1, "node", read_node, sizeof *g->node, &g->node, &g->n_node) ||
        all_of(r, all, 11, "input", read_port, sizeof *g->in, &g->in, &g->n_in) ||
        all_of(r, all, 12, "output", read_port, sizeof *g->out, &g->out, &g->n_out))
        return -1;
    r->depth--;
    return 0;
}

static int read_opset(onnx_reader *r, ax_pb_in in, void *out)
{
    ax_onnx_opset *o = out;
    ax_pb_field f;
    int more;
    *o = (ax_onnx_opset){"", 0};
    while ((more = ax_pb_next(&in, &f, r->err)) > 0)
        if ((f.number == 1 && !(o->domain = domain_of(onnx_text(r, &f)))) ||
            (f.number == 2 && onnx_int(r, &f, &o->version)))
            return -1;
    return more;
}

/* Attributes without a default (field 6, names) and with one (field 11). */
static int read_function_attrs(onnx_reader *r, ax_pb_in in, ax_onnx_function *fn)
{
    const char *const *name = NULL;
    const ax_onnx_attr *given = NULL;
    int names = 0, n = 0;
    if (all_names(r, in, 6, &name, &names) ||
        all_of(r, in, 11, "attribute_proto", read_attr, sizeof *given, &given, &n))
        return -1;
    ax_onnx_attr *all = onnx_room(r, (int64_t)names + n, sizeof *all);
    if (!all)
        return -1;
    for (int i = 0; i < names; i++)
        all[i] = (ax_onnx_attr){.name = name[i], .of = "", .s = ""};
    if (n)
        memcpy(all + names, given, (size_t)n * sizeof *all);
    fn->attr = all;
    fn->n_attr = names + n;
    return 0;
}

static int read_function(onnx_reader *r, ax_pb_in in, void *out)
{
    ax_onnx_function *fn = out;
    ax_pb_in all = in;
    ax_pb_field f;
    int more;
    *fn = (ax_onnx_function){.name = "", .domain = "", .overload = ""};
    while ((more = ax_pb_next(&in, &f, r->err)) > 0)
        if ((f.number == 1 && !(fn->name = onnx_text(r, &f))) ||
            (f.number == 10 && !(fn->domain = domain_of(onnx_text(r, &f)))) ||
            (f.number == 13 && !(fn->overload = onnx_text(r, &f))))
            return -1;
    return more || all_names(r, all, 4, &fn->in, &fn->n_in) ||
                   all_names(r, all, 5, &fn->out, &fn->n_out) || read_function_attrs(r, all, fn) ||
                   all_of(r, all, 7, "node", read_node, sizeof *fn->node, &fn->node, &fn->n_node) ||
                   all_of(r, all, 9, "opset_import", read_opset, sizeof *fn->opset, &fn->opset,
                          &fn->n_opset)
               ? -1
               : 0;
}

/* ---- the file ---------------------------------------------------------------------------------
 */

/* What others left there is not looked at, and may be anything. */
static int read_note(onnx_reader *r, ax_pb_in in, ax_onnx_note *note)
{
    static const char ours[] = "axond.";
    ax_pb_field f, key = {0}, value = {0};
    int more;
    *note = (ax_onnx_note){NULL, ""};
    while ((more = ax_pb_next(&in, &f, r->err)) > 0)
        if (f.wire == AX_PB_BYTES && (f.number == 1 || f.number == 2))
            *(f.number == 1 ? &key : &value) = f;
    if (more || key.len < strlen(ours) || memcmp(key.data, ours, strlen(ours)) != 0)
        return more;
    if (!(note->key = onnx_text(r, &key)) || (value.data && !(note->value = onnx_text(r, &value))))
        return -1;
    return 0;
}

static int read_notes(onnx_reader *r, ax_pb_in in, ax_onnx_file *m)
{
    ax_pb_field f;
    int64_t count = ax_pb_count(in, METADATA, AX_PB_BYTES, r->err);
    ax_onnx_note *note = count < 0 ? NULL : onnx_room(r, count, sizeof *note);
    if (!note)
        return -1;
    m->note = note;
    while (ax_pb_next(&in, &f, r->err) > 0) {
        if (f.number != METADATA)
            continue;
        if (read_note(r, ax_pb_inside(&f), note))
            return ax_err_in(r->err, "metadata_props");
        if (note->key)
            note++, m->n_note++;
    }
    return 0;
}

const char *ax_onnx_note_of(const ax_onnx_file *f, const char *key)
{
    for (int i = 0; i < f->n_note; i++)
        if (!strcmp(f->note[i].key, key))
            return f->note[i].value;
    return NULL;
}

static int read_model(onnx_reader *r, ax_pb_in in, ax_onnx_file *m)
{
    ax_pb_in all = in, graph;
    ax_pb_field f;
    const char *producer = "", *version = "";
    int more, graphs = 0;
    while ((more = ax_pb_next(&in, &f, r->err)) > 0) {
        if ((f.number == 1 && onnx_int(r, &f, &m->ir_version)) ||
            (f.number == 2 && !(producer = onnx_text(r, &f))) ||
            (f.number == 3 && !(version = onnx_text(r, &f))))
            return -1;
        if (f.number != 7)
            continue;
        if (graphs++)
            return ax_fail(r->err, AX_ECORRUPT, "the file has more than one graph");
        if (onnx_message(r, &f, &graph) || read_graph(r, graph, &m->graph))
            return ax_err_in(r->err, "graph");
    }
    if (more)
        return -1;
    if (!graphs)
        return ax_fail(r->err, AX_EPARSE, "there is no graph: this is not an ONNX model");
    if (!(m->producer =
              ax_arena_printf(r->arena, "%s%s%s", producer, *version ? " " : "", version)))
        return no_room(r);
    return read_notes(r, all, m) ||
                   all_of(r, all, 8, "opset_import", read_opset, sizeof *m->opset, &m->opset,
                          &m->n_opset) ||
                   all_of(r, all, 25, "functions", read_function, sizeof *m->function, &m->function,
                          &m->n_function)
               ? -1
               : 0;
}

/* What the structs of a file may take: names and lists come to a few times their bytes; the bound
 * is for files that are nothing but empty messages. */
static size_t worth(size_t n)
{
    return n > (SIZE_MAX >> 5) ? SIZE_MAX : n * 16 + (1 << 20);
}

int ax_onnx_read(const uint8_t *bytes, size_t n, const char *folder, ax_onnx_file *f, ax_err *err)
{
    ax_err unwanted;
    *f = (ax_onnx_file){.producer = ""};
    ax_arena_init(&f->arena, worth(n));
    onnx_reader r = {.arena = &f->arena, .folder = folder, .err = err ? err : &unwanted};
    if (read_model(&r, (ax_pb_in){bytes, bytes + n}, f) == 0)
        return 0;
    ax_onnx_free(f);
    return -1;
}

void ax_onnx_free(ax_onnx_file *f)
{
    ax_arena_fini(&f->arena);
    *f = (ax_onnx_file){.producer = ""};
}

int ax_onnx_read_tensor(const uint8_t *bytes, size_t n, ax_arena *a, ax_onnx_tensor *t, ax_err *err)
{
    ax_err unwanted;
    onnx_reader r = {.arena = a, .err = err ? err : &unwanted};
    return onnx_read_tensor(&r, (ax_pb_in){bytes, bytes + n}, t);
}

int64_t ax_onnx_opset_of(const ax_onnx_opset *o, int n, const char *domain)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(o[i].domain, domain))
            return o[i].version;
    return 0;
}
