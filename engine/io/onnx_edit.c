/* onnx_edit.c - see onnx_edit.h. */
#include "io/onnx_edit.h"

#include <string.h>

#include "base/hash.h"
#include "io/protobuf_read.h"

/* field numbers of onnx.proto */
enum { MODEL_GRAPH = 7, MODEL_METADATA = 14, METADATA_KEY = 1, METADATA_VALUE = 2 };
enum { NODE = 1, INITIALIZER = 5, INPUT = 11, OUTPUT = 12, VALUE_INFO = 13, ANNOTATION = 14 };
enum { DATA_LOCATION = 14 };

/* Names that are needed, by open addressing; names are those of the file and live as long. */
typedef struct name_set {
    const char **slot;
    unsigned mask;
    int n;
} name_set;

typedef struct editor {
    const ax_onnx_file *f;
    const ax_onnx_edit *e;
    ax_pb *to;
    ax_arena mem;
    name_set need;       /* with a cut */
    unsigned char *keep; /* [n_node], with a cut; NULL: all */
    ax_err *err;
} editor;

static int no_memory(ax_err *err)
{
    return ax_fail(err, AX_ENOMEM, "no memory to write the file");
}

/* ---- what a cut leaves ------------------------------------------------------------------------
 */

static const char **slot_of(const name_set *s, const char *name)
{
    unsigned i = (unsigned)ax_hash64(name, strlen(name)) & s->mask;
    while (s->slot[i] && strcmp(s->slot[i], name))
        i = (i + 1) & s->mask;
    return &s->slot[i];
}

static int has(const name_set *s, const char *name)
{
    return *slot_of(s, name) != NULL;
}

static void add(name_set *s, const char *name)
{
    const char **slot = slot_of(s, name);
    s->n += !*slot;
    *slot = name;
}

/* All names that a graph, with those within it, mentions: bounds the set, or is put into it. */
static int64_t names_of(const ax_onnx_node *node, int n, name_set *to)
{
    int64_t count = 0;
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < node[i].n_in; k++, count++)
            if (to && *node[i].in[k])
                add(to, node[i].in[k]);
        for (int k = 0; k < node[i].n_attr; k++) {
            const ax_onnx_graph *g = node[i].attr[k].g;
            if (node[i].attr[k].type != AX_ONNX_A_GRAPH || !g)
                continue;
            count += names_of(g->node, g->n_node, to) + g->n_out;
            for (int o = 0; to && o < g->n_out; o++)
                add(to, g->out[o].name);
        }
    }
    return count;
}

static int makes(const ax_onnx_node *n, const name_set *s)
{
    for (int i = 0; i < n->n_out; i++)
        if (*n->out[i] && has(s, n->out[i]))
            return 1;
    return 0;
}

/* From the cut backwards: nodes stand behind what they need. */
static int find_needed(editor *w)
{
    const ax_onnx_graph *g = &w->f->graph;
    int64_t names = 2 * (names_of(g->node, g->n_node, NULL) + 2);
    unsigned slots = 16;
    while (slots < names)
        slots *= 2;
    w->need.mask = slots - 1;
    w->need.slot = AX_ARRAY(&w->mem, const char *, slots);
    w->keep = AX_ARRAY(&w->mem, unsigned char, g->n_node + 1);
    if (!w->need.slot || !w->keep)
        return no_memory(w->err);
    int found = 0;
    for (int i = 0; i < g->n_in; i++)
        found |= !strcmp(g->in[i].name, w->e->cut);
    add(&w->need, w->e->cut);
    for (int i = g->n_node - 1; i >= 0; i--) {
        if (!makes(&g->node[i], &w->need))
            continue;
        found = 1;
        w->keep[i] = 1;
        names_of(&g->node[i], 1, &w->need);
    }
    return found ? 0
                 : ax_fail(w->err, AX_ENOTFOUND, "the graph has no value '%.96s' to be cut behind",
                           w->e->cut);
}

/* ---- fields -----------------------------------------------------------------------------------
 */

/* A field as it stands: from..to. */
static void put_raw(ax_pb *b, const uint8_t *from, const uint8_t *to)
{
    ax_pb_raw(b, from, (size_t)(to - from));
}

/* Does the message have its numbers in a file of their own? */
static int is_external(ax_pb_in in)
{
    ax_pb_field f;
    while (ax_pb_next(&in, &f, NULL) > 0)
        if (f.number == DATA_LOCATION && f.value)
            return 1;
    return 0;
}

static int is_initializer(const ax_onnx_graph *g, const char *name)
{
    for (int i = 0; i < g->n_init; i++)
        if (!strcmp(g->init[i].name, name))
            return 1;
    return 0;
}

static void put_initializer(editor *w, ax_onnx *m, int i, const ax_pb_field *field,
                            const uint8_t *from, const uint8_t *end)
{
    const ax_onnx_tensor *t = &w->f->graph.init[i];
    if (w->keep && !has(&w->need, t->name))
        return;
    const float *numbers =
        t->type == AX_ONNX_FLOAT && w->e->numbers ? w->e->numbers(w->e->ctx, t->name) : NULL;
    if (numbers)
        ax_onnx_borrow_tensor(m, t->name, AX_ONNX_FLOAT, t->dim, t->rank, numbers,
                              (size_t)t->count * sizeof *numbers);
    else if (is_external(ax_pb_inside(field)))
        ax_onnx_put_tensor(m, t->name, (ax_onnx_type)t->type, t->dim, t->rank, t->data, t->bytes);
    else
        put_raw(w->to, from, end);
}

/* The graph, field by field; its lists are those of the struct, in the same order. */
static int put_graph(editor *w, ax_pb_in in)
{
    const ax_onnx_graph *g = &w->f->graph;
    ax_onnx m = {.to = w->to, .graph = ax_pb_open(w->to, MODEL_GRAPH)};
    ax_pb_field f;
    int node = 0, init = 0, input = 0, more;
    const uint8_t *from = in.at;
    while ((more = ax_pb_next(&in, &f, w->err)) > 0) {
        int all = !w->keep, stays = 1;
        if (f.number == NODE)
            stays = all || w->keep[node++];
        else if (f.number == INPUT) /* old files list their initializers as inputs, too */
            stays =
                all || has(&w->need, g->in[input].name) || !is_initializer(g, g->in[input].name);
        else if (f.number == OUTPUT || f.number == VALUE_INFO || f.number == ANNOTATION)
            stays = all;
        input += f.number == INPUT;
        if (f.number == INITIALIZER)
            put_initializer(w, &m, init++, &f, from, in.at);
        else if (stays)
            put_raw(w->to, from, in.at);
        from = in.at;
    }
    if (more || (w->e->cut && w->e->end(w->e->ctx, &m, w->err)))
        return -1;
    ax_onnx_end(&m);
    return 0;
}

static int is_note(ax_pb_in in)
{
    static const char mark[] = "axond.";
    ax_pb_field f;
    while (ax_pb_next(&in, &f, NULL) > 0)
        if (f.number == METADATA_KEY && f.wire == AX_PB_BYTES)
            return f.len >= sizeof mark - 1 && !memcmp(f.data, mark, sizeof mark - 1);
    return 0;
}

static void put_notes(editor *w)
{
    for (int i = 0; i < w->e->n_notes; i++) {
        if (!w->e->notes[i].value)
            continue;
        size_t at = ax_pb_open(w->to, MODEL_METADATA);
        ax_pb_str(w->to, METADATA_KEY, w->e->notes[i].key);
        ax_pb_str(w->to, METADATA_VALUE, w->e->notes[i].value);
        ax_pb_close(w->to, at);
    }
}

static int put_model(editor *w, ax_pb_in in)
{
    ax_pb_field f;
    int more;
    const uint8_t *from = in.at;
    while ((more = ax_pb_next(&in, &f, w->err)) > 0) {
        int note = f.number == MODEL_METADATA && is_note(ax_pb_inside(&f));
        if (f.number != MODEL_GRAPH && !note)
            put_raw(w->to, from, in.at);
        else if (f.number == MODEL_GRAPH && put_graph(w, ax_pb_inside(&f)))
            return -1;
        from = in.at;
    }
    put_notes(w);
    return more;
}

int ax_onnx_rewrite(const uint8_t *bytes, size_t n, const ax_onnx_file *f, const ax_onnx_edit *e,
                    ax_pb *to, ax_err *err)
{
    editor w = {.f = f, .e = e, .to = to, .err = err};
    ax_arena_init(&w.mem, 0);
    int bad = (e->cut && find_needed(&w)) || put_model(&w, (ax_pb_in){bytes, bytes + n});
    ax_arena_fini(&w.mem);
    if (!bad && to->failed)
        bad = no_memory(err);
    return bad ? -1 : 0;
}
