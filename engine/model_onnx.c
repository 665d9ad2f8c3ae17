/* model_onnx.c - a file of ONNX becomes a model: its ports as the file has them, its layers as they
 * are for shapes that were found to go, and whether samples can be put together.
 *
 * The first dimension of all inputs counts samples when nothing else is open, and when outputs of
 * two and of three samples have as many rows and are else alike. That a row's numbers do not depend
 * on the other rows is then tried: three samples together give the very bits that each gives alone.
 * A file written for exactly one sample is run sample by sample. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "model.h"

enum { DECIDING = 64, TRIED_ROWS = 3 };
static const int64_t cheap_flops = 250 * 1000 * 1000; /* of a sample: below it, mixing is tried */

static int no_memory(ax_err *err)
{
    return ax_fail(err, AX_ENOMEM, "no memory for the model");
}

void ax_onnx_source_free(ax_onnx_source *s)
{
    if (!s)
        return;
    ax_onnx_free(&s->file);
    ax_backed_close(s->bytes);
    free(s);
}

int ax_onnx_decides(const ax_desc *in)
{
    return in->dtype != AX_F32 && in->dtype != AX_F64 && ax_shape_count(&in->shape) <= DECIDING;
}

int ax_onnx_source_net(const ax_onnx_source *s, ax_onnx_way way, const ax_tensor *in, ax_net *n,
                       ax_onnx_names *names, ax_err *err)
{
    ax_tensor given[AX_ONNX_MAX_PORTS];
    for (int i = 0; i < s->n_in; i++) {
        given[i] = in[i];
        if (way == AX_ONNX_BY_SHAPES || way == AX_ONNX_BOTH_BRANCHES ||
            (way == AX_ONNX_BY_NUMBERS && !ax_onnx_decides(&(ax_desc){in[i].dtype, in[i].shape})))
            given[i].data = NULL;
    }
    ax_onnx_how how = {.one_branch = way < AX_ONNX_BOTH_BRANCHES,
                       .work = way == AX_ONNX_AS_READ ? INT64_MAX : 0};
    return ax_onnx_net(n, &s->file, given, &how, 0, names, err);
}

/* ---- the file -------------------------------------------------------------------------------- */

/* Numbers to where they are aligned; large ones of float32, which layers have packed, are then such
 * as can be given back and read again from where they were. */
static int align(ax_onnx_source *s, const ax_map *m, ax_err *err)
{
    const ax_onnx_graph *g = &s->file.graph;
    uint64_t *offset = malloc((size_t)g->n_init * sizeof *offset + 1);
    if (!offset)
        return no_memory(err);
    for (int i = 0; i < g->n_init; i++)
        offset[i] = (uint64_t)((uintptr_t)g->init[i].data - (uintptr_t)m->data);
    int bad = ax_map_writable(m, 1, err);
    if (!bad) {
        ax_onnx_align(&s->file, (uint8_t *)(uintptr_t)m->data, m->size);
        bad = ax_map_writable(m, 0, err);
    }
    for (int i = 0; i < g->n_init && !bad; i++)
        if (g->init[i].type == AX_ONNX_FLOAT && offset[i] < m->size)
            bad = ax_backed_add(s->bytes, g->init[i].data, g->init[i].bytes, offset[i], err);
    free(offset);
    s->file.backed = s->bytes;
    return bad ? -1 : 0;
}

static int read_file(ax_onnx_source *s, const char *path, ax_err *err)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    if (n >= sizeof folder)
        return ax_fail(err, AX_ELIMIT, "the path is too long");
    memcpy(folder, path, n);
    memcpy(folder + n, "", 1);
    if (!(s->bytes = ax_backed_open(path, err)))
        return -1;
    const ax_map *m = ax_backed_bytes(s->bytes);
    if (ax_onnx_read(m->data, m->size, n ? folder : ".", &s->file, err))
        return -1;
    s->hash = ax_hash64(m->data, m->size);
    return align(s, m, err);
}

static int take_input(ax_onnx_source *s, const ax_onnx_port *p, ax_err *err)
{
    ax_desc *d = &s->in[s->n_in];
    if (!p->type || ax_onnx_dtype(p->type, &d->dtype))
        return ax_fail(err, AX_EUNSUPPORTED, "the input '%.96s' is of type %s, which is not taken",
                       p->name, ax_onnx_type_name(p->type));
    if (p->rank > AX_MAX_RANK)
        return ax_fail(err, AX_EUNSUPPORTED, "the input '%.96s' has %d dimensions, at most %d",
                       p->name, p->rank, AX_MAX_RANK);
    d->shape.rank = p->rank;
    for (int i = 0; i < p->rank; i++)
        d->shape.dim[i] = p->dim[i].value;
    s->n_in++;
    return 0;
}

static int take_inputs(ax_onnx_source *s, ax_err *err)
{
    int index[AX_ONNX_MAX_PORTS], n = ax_onnx_inputs(&s->file, index, AX_ONNX_MAX_PORTS);
    if (n > AX_ONNX_MAX_PORTS || s->file.graph.n_out > AX_ONNX_MAX_PORTS)
        return ax_fail(err, AX_EUNSUPPORTED, "%d inputs and %d outputs, at most %d are taken", n,
                       s->file.graph.n_out, AX_ONNX_MAX_PORTS);
    if (!n || !s->file.graph.n_out)
        return ax_fail(err, AX_EUNSUPPORTED, "a graph without %s", n ? "outputs" : "inputs");
    for (int i = 0; i < n; i++)
        if (take_input(s, &s->file.graph.in[index[i]], err))
            return -1;
    return 0;
}

static const ax_onnx_port *file_input(const ax_onnx_source *s, int i)
{
    int index[AX_ONNX_MAX_PORTS];
    ax_onnx_inputs(&s->file, index, AX_ONNX_MAX_PORTS);
    return &s->file.graph.in[index[i]];
}

/* ---- shapes that go ----------------------------------------------------------------------------
 */

/* Numbers for an import whose way wants some: of a type that decides, all the same small one. */
static int fill(const ax_onnx_source *s, ax_arena *mem, int64_t number, ax_tensor *in, ax_err *err)
{
    for (int i = 0; i < s->n_in; i++) {
        int64_t n = ax_shape_count_checked(&in[i].shape, ax_dtype_size(in[i].dtype), err);
        size_t size = ax_dtype_size(in[i].dtype);
        char *data = n < 0 ? NULL : ax_arena_array(mem, (size_t)n + 1, size);
        if (!data)
            return n < 0 ? -1 : no_memory(err);
        for (int64_t k = 0;
             number && ax_onnx_decides(&(ax_desc){in[i].dtype, in[i].shape}) && k < n; k++)
            data[(size_t)k * size] = (char)number; /* little-endian */
        in[i].data = data;
    }
    return 0;
}

/* Import for these shapes, in the first way that goes. */
static int import(ax_onnx_source *s, ax_tensor *in, ax_net *n, ax_onnx_names *names, ax_err *err)
{
    static const int64_t numbers[] = {1, 0, 2, 16};
    ax_arena mem;
    ax_arena_init(&mem, (size_t)1 << 30);
    int bad = ax_onnx_source_net(s, s->way, in, n, names, err);
    while (bad && s->way < AX_ONNX_AS_READ && ax_onnx_needs_numbers(err)) {
        s->way++;
        for (size_t k = 0; bad && k < sizeof numbers / sizeof *numbers; k++)
            if (!(bad = fill(s, &mem, numbers[k], in, err)))
                bad = ax_onnx_source_net(s, s->way, in, n, names, err);
    }
    ax_arena_fini(&mem);
    return bad;
}

/* The inputs with open dimensions set: those that may count samples to rows, others to size, or, of
 * all inputs but the first (states, say, whose samples are not in front), to rest. */
static void guess(const ax_onnx_source *s, int64_t rows, int64_t size, int64_t rest, ax_tensor *in)
{
    for (int i = 0; i < s->n_in; i++) {
        in[i] = (ax_tensor){s->in[i].dtype, s->in[i].shape, NULL};
        if (in[i].shape.rank < 0)
            in[i].shape = AX_SHAPE(rows, size);
        for (int k = 0; k < in[i].shape.rank; k++)
            if (in[i].shape.dim[k] < 0)
                in[i].shape.dim[k] = !k ? rows : i ? rest : size;
    }
}

static int try_shapes(ax_model *m, int64_t rows, int64_t size, int64_t rest, ax_err *err)
{
    ax_onnx_source *s = m->onnx;
    ax_tensor in[AX_ONNX_MAX_PORTS];
    guess(s, rows, size, rest, in);
    s->way = AX_ONNX_BY_SHAPES;
    s->has_net = !import(s, in, &m->net, &s->names, err);
    return s->has_net ? 0 : -1;
}

/* Which dimensions are open: the first of an input, another, another of an input behind the first.
 */
enum { OPEN_FIRST = 1, OPEN_LATER = 2, OPEN_REST = 4 };

static int what_is_open(const ax_onnx_source *s)
{
    int open = 0;
    for (int i = 0; i < s->n_in; i++) {
        const ax_shape *d = &s->in[i].shape;
        if (d->rank < 0)
            open |= OPEN_LATER;
        for (int k = 0; k < d->rank; k++)
            if (d->dim[k] < 0)
                open |= !k ? OPEN_FIRST : i ? OPEN_LATER | OPEN_REST : OPEN_LATER;
    }
    return open;
}

/* Nobody says what the open dimensions may be: sizes that pictures, sounds and texts often have are
 * tried until one goes. Where none does, the file is refused for what no shape can change; else it
 * may still go with the shapes that it is given. */
static int find_shapes(ax_model *m, ax_err *err)
{
    static const int64_t sizes[] = {64,  32,  224,  512,  16, 8, 1,    4,
                                    128, 256, 1024, 1280, 3,  2, 16000};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    ax_err later;
    int open = what_is_open(m->onnx);
    for (int k = 0; k < (open & OPEN_LATER ? SIZES : 1); k++) {
        if (!try_shapes(m, 1, sizes[k], sizes[k], k ? &later : err))
            return 0;
        if (open & OPEN_REST && !try_shapes(m, 1, sizes[k], 1, &later))
            return 0;
    }
    for (int k = 0; open & OPEN_FIRST && k < SIZES; k++)
        if (!try_shapes(m, sizes[k], sizes[k], sizes[k], &later))
            return 0;
    m->onnx->way = AX_ONNX_BY_SHAPES;
    int hopeless =
        !open || err->code == AX_EUNSUPPORTED || err->code == AX_ECORRUPT || err->code == AX_ENOMEM;
    return hopeless ? -1 : 0;
}

/* ---- do rows count samples? --------------------------------------------------------------------
 */

/* Does the first dimension, and nothing else, look like a number of samples? 2: it is 1. */
static int looks_batched(const ax_onnx_source *s)
{
    int open = 0, one = 0;
    const char *name = "";
    for (int i = 0; i < s->n_in; i++) {
        const ax_shape *d = &s->in[i].shape;
        if (d->rank < 1 || (d->dim[0] >= 0 && d->dim[0] != 1))
            return 0;
        for (int k = 1; k < d->rank; k++)
            if (d->dim[k] < 0)
                return 0;
        const char *called = file_input(s, i)->dim[0].name;
        if (*name && *called && strcmp(name, called))
            return 0;
        name = *called ? called : name;
        *(d->dim[0] < 0 ? &open : &one) += 1;
    }
    return open && one ? 0 : open ? 1 : 2;
}

/* The net for so many samples; its outputs have as many rows and are else like those of m->net. */
static int scales(const ax_model *m, int64_t rows, ax_net *n, ax_onnx_names *names)
{
    ax_onnx_source s = *m->onnx;
    ax_tensor in[AX_ONNX_MAX_PORTS];
    ax_err err;
    guess(&s, rows, 1, 1, in);
    for (int i = 0; i < s.n_in; i++)
        in[i].shape.dim[0] = rows;
    if (ax_onnx_source_net(&s, s.way, in, n, names, &err))
        return 0;
    for (int i = 0; i < n->n_outputs; i++) {
        ax_shape one = m->net.graph.val[m->net.outputs[i]].desc.shape;
        if (one.rank < 1 || one.dim[0] != 1)
            return 0;
        one.dim[0] = rows;
        if (!ax_shape_equal(&one, &n->graph.val[n->outputs[i]].desc.shape))
            return 0;
    }
    return 1;
}

/* Numbers for a sample of input i: between -1 and 1, or 0 and 1 where they may be places in a
 * table. */
static void make_up(const ax_desc *d, int i, void *x)
{
    int64_t n = ax_shape_count(&d->shape);
    size_t size = ax_dtype_size(d->dtype);
    memset(x, 0, (size_t)n * size);
    for (int64_t k = 0; k < n; k++) {
        double u = ax_rng_uniform((ax_rng){1, (uint64_t)i}, (uint64_t)k);
        if (d->dtype == AX_F32)
            ((float *)x)[k] = (float)(2 * u - 1);
        else if (d->dtype == AX_F64)
            ((double *)x)[k] = 2 * u - 1;
        else
            ((char *)x)[(size_t)k * size] = u < 0.5;
    }
}

static ax_exec *run(const ax_net *n, ax_packs *packs, const void *const *rows, ax_plan **plan)
{
    ax_desc in[AX_ONNX_MAX_PORTS];
    for (int i = 0; i < n->n_inputs; i++)
        in[i] = n->graph.val[n->inputs[i]].desc;
    ax_plan_options o = {.outputs = n->outputs,
                         .n_outputs = n->n_outputs,
                         .inputs = in,
                         .packs = packs,
                         .threads = 1};
    *plan = ax_plan_new(&n->graph, &o, NULL);
    ax_exec *e = *plan ? ax_exec_new(*plan, NULL, NULL) : NULL;
    for (int i = 0; e && i < n->n_inputs; i++)
        memcpy(ax_exec_input(e, i), rows[i],
               (size_t)ax_shape_count(&in[i].shape) * ax_dtype_size(in[i].dtype));
    if (e)
        ax_exec_run(e);
    return e;
}

/* The outputs of row r of `all` are those of `one`, bit by bit. */
static int same_row(const ax_net *n, const ax_exec *all, const ax_exec *one, int64_t r)
{
    for (int i = 0; i < n->n_outputs; i++) {
        const ax_desc *d = &n->graph.val[n->outputs[i]].desc;
        size_t bytes = (size_t)ax_shape_count(&d->shape) * ax_dtype_size(d->dtype) / TRIED_ROWS;
        if (memcmp((const char *)ax_exec_output(all, i) + (size_t)r * bytes, ax_exec_output(one, i),
                   bytes))
            return 0;
    }
    return 1;
}

static int rows_are_apart(const ax_model *m, const ax_net *three, ax_arena *mem)
{
    const void *x[AX_ONNX_MAX_PORTS], *row[AX_ONNX_MAX_PORTS];
    const ax_graph *g = &three->graph;
    ax_plan *plan = NULL, *small;
    for (int i = 0; i < three->n_inputs; i++) {
        const ax_desc *d = &g->val[three->inputs[i]].desc;
        void *p =
            ax_arena_array(mem, (size_t)ax_shape_count(&d->shape) + 1, ax_dtype_size(d->dtype));
        if (!p)
            return 0;
        make_up(d, i, p);
        x[i] = p;
    }
    ax_packs *packs = ax_packs_new(); /* before fusion they are others than those of m */
    ax_exec *all = packs ? run(three, packs, x, &plan) : NULL;
    int apart = all != NULL;
    for (int64_t r = 0; apart && r < TRIED_ROWS; r++) {
        for (int i = 0; i < three->n_inputs; i++) {
            const ax_desc *d = &g->val[three->inputs[i]].desc;
            size_t bytes = (size_t)ax_shape_count(&d->shape) * ax_dtype_size(d->dtype) / TRIED_ROWS;
            row[i] = (const char *)x[i] + (size_t)r * bytes;
        }
        ax_exec *one = run(&m->net, packs, row, &small);
        apart = one && same_row(three, all, one, r);
        ax_exec_free(one);
        ax_plan_free(small);
    }
    ax_exec_free(all);
    ax_plan_free(plan);
    if (packs)
        ax_packs_free(packs);
    return apart;
}

static void find_batch(ax_model *m)
{
    ax_onnx_source *s = m->onnx;
    ax_net two, three;
    ax_onnx_names names;
    ax_arena mem;
    int planned = s->way == AX_ONNX_BY_SHAPES || s->way == AX_ONNX_BOTH_BRANCHES;
    int looks = s->has_net && planned ? looks_batched(s) : 0;
    if (!looks)
        return;
    int64_t flops = 0;
    for (int i = 0; i < m->net.n_layers; i++)
        flops = ax_count_add(flops, m->net.layers[i].flops);
    two = three = (ax_net){.step = AX_NONE};
    ax_arena_init(&mem, 0);
    int grows = scales(m, 2, &two, &names) && scales(m, TRIED_ROWS, &three, &names);
    int apart = grows && flops <= cheap_flops && rows_are_apart(m, &three, &mem);
    m->info.batches = looks == 2 || grows;
    m->info.mixes = looks == 1 && !apart;
    s->single = looks == 2 && !apart;
    for (int i = 0; i < m->net.n_outputs && s->single; i++) { /* then rows are made by runs */
        const ax_shape *out = &m->net.graph.val[m->net.outputs[i]].desc.shape;
        if (out->rank < 1 || out->dim[0] != 1)
            m->info.batches = s->single = 0;
    }
    ax_net_fini(&two);
    ax_net_fini(&three);
    ax_arena_fini(&mem);
}

/* ---- what there is to say ----------------------------------------------------------------------
 */

/* Names of open dimensions, NULL where none is open; of a port of rank p->rank from axis `from` on.
 */
static int name_dims(ax_model *m, const ax_onnx_port *f, int from, ax_port *p, ax_err *err)
{
    int open = 0;
    for (int i = 0; i < p->shape.rank; i++)
        open |= p->shape.dim[i] < 0;
    if (!open)
        return 0;
    const char **dims = AX_ARRAY(&m->arena, const char *, p->shape.rank);
    if (!dims)
        return no_memory(err);
    for (int i = 0; i < p->shape.rank; i++)
        dims[i] = p->shape.dim[i] < 0 ? f->dim[from + i].name : "";
    p->dims = dims;
    return 0;
}

static void strip(ax_shape *s)
{
    s->rank--;
    memmove(s->dim, s->dim + 1, (size_t)s->rank * sizeof s->dim[0]);
}

static int describe_input(ax_model *m, int i, ax_port *p, ax_err *err)
{
    const ax_onnx_port *f = file_input(m->onnx, i);
    *p = (ax_port){f->name, m->onnx->in[i].dtype, m->onnx->in[i].shape, NULL};
    if (m->info.batches)
        strip(&p->shape);
    return name_dims(m, f, m->info.batches, p, err);
}

static int describe_output(ax_model *m, int i, ax_port *p, ax_err *err)
{
    const ax_onnx_port *f = &m->onnx->file.graph.out[i];
    *p = (ax_port){.name = f->name, .dtype = AX_F32, .shape.rank = -1};
    if (m->onnx->has_net) {
        const ax_desc *d = &m->net.graph.val[m->net.outputs[i]].desc;
        p->dtype = d->dtype;
        if (m->info.batches) {
            p->shape = d->shape;
            strip(&p->shape);
            return 0;
        }
    } else if (f->type && ax_onnx_dtype(f->type, &p->dtype)) {
        return ax_fail(err, AX_EUNSUPPORTED, "the output '%.96s' is of type %s, which is not made",
                       f->name, ax_onnx_type_name(f->type));
    }
    p->shape.rank = f->rank <= AX_MAX_RANK ? f->rank : -1;
    for (int k = 0; k < p->shape.rank; k++)
        p->shape.dim[k] = f->dim[k].value;
    return name_dims(m, f, 0, p, err);
}

/* "models/vad.onnx" -> "vad" */
static const char *stem(ax_model *m, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return ax_arena_printf(&m->arena, "%.*s", (int)(dot ? dot - name : (long)strlen(name)), name);
}

/* 2: softmax over the classes, 1: sigmoid, 0: neither */
static int probability(const ax_model *m)
{
    const ax_net *n = &m->net;
    if (!m->info.batches || n->n_outputs != 1 || m->info.outputs[0].shape.rank != 1 ||
        n->logits[0] == n->outputs[0])
        return 0;
    const ax_activation_attr *a = n->graph.node[n->graph.val[n->outputs[0]].node].attr;
    return a->act.row->kind == AX_ACT_VECTOR ? 2 : 1;
}

/* The name in the file, where it is one that a spec may have. */
static const char *read_name(const ax_onnx_file *f)
{
    const char *name = ax_onnx_note_of(f, AX_ONNX_NAME);
    size_t n = name ? strlen(name) : 0;
    for (size_t i = 0; i < n; i++)
        if (name[i] <= ' ' || name[i] >= 127)
            return NULL;
    return n && n <= 100 ? name : NULL;
}

/* Labels that axond, or somebody else, has left in the file; as many as there are classes. */
static int read_labels(ax_model *m, ax_err *err)
{
    const char *text = ax_onnx_note_of(&m->onnx->file, AX_ONNX_LABELS);
    cJSON *list = text ? ax_json_parse(text, strlen(text), err) : NULL;
    int n = list ? cJSON_GetArraySize(list) : 0, bad = text && !cJSON_IsArray(list), i = 0;
    const ax_shape *s = &m->info.outputs[0].shape;
    int64_t classes = s->rank > 0 ? s->dim[s->rank - 1] : -1;
    const char **labels = bad || !text ? NULL : AX_ARRAY(&m->arena, const char *, n + 1);
    const cJSON *e;
    for (e = labels ? list->child : NULL; e; e = e->next) {
        labels[i] = cJSON_IsString(e) ? ax_arena_strdup(&m->arena, e->valuestring) : NULL;
        bad |= !labels[i++];
    }
    bad |= text && n != classes && !(classes == 1 && n == 2);
    cJSON_Delete(list);
    if (bad) {
        ax_fail(err, AX_ECORRUPT, "the labels are no array of a text for each of %lld classes",
                (long long)classes);
        return ax_err_in(err, AX_ONNX_LABELS);
    }
    if (text)
        m->info.labels = labels, m->info.n_labels = n;
    return 0;
}

static int read_training(ax_model *m, ax_err *err)
{
    const char *text = ax_onnx_note_of(&m->onnx->file, AX_ONNX_TRAINING);
    cJSON *json = text ? ax_json_parse(text, strlen(text), NULL) : NULL;
    int bad = text && !cJSON_IsObject(json);
    cJSON_Delete(json);
    m->info.training = text;
    if (!bad)
        return 0;
    ax_fail(err, AX_ECORRUPT, "the training summary is not a JSON object");
    return ax_err_in(err, AX_ONNX_TRAINING);
}

static int describe(ax_model *m, const char *path, ax_err *err)
{
    const ax_onnx_source *s = m->onnx;
    ax_model_info *info = &m->info;
    ax_port *in = AX_ARRAY(&m->arena, ax_port, s->n_in);
    ax_port *out = AX_ARRAY(&m->arena, ax_port, s->file.graph.n_out);
    if (!in || !out)
        return no_memory(err);
    info->inputs = in, info->n_inputs = s->n_in;
    info->outputs = out, info->n_outputs = s->file.graph.n_out;
    for (int i = 0; i < s->n_in; i++)
        if (describe_input(m, i, &in[i], err))
            return -1;
    for (int i = 0; i < info->n_outputs; i++)
        if (describe_output(m, i, &out[i], err))
            return -1;
    if (ax_model_describe_layers(m, !info->batches, err))
        return -1;
    info->classifies = probability(m);
    info->format = "onnx";
    info->producer = s->file.producer;
    info->opset = ax_onnx_opset_of(s->file.opset, s->file.n_opset, "");
    info->self_test = "none";
    info->file_bytes = (int64_t)ax_backed_bytes(s->bytes)->size;
    info->path = ax_arena_strdup(&m->arena, path);
    info->name = read_name(&s->file);
    if (!info->name)
        info->name = stem(m, path);
    info->hash = info->file_hash =
        ax_arena_printf(&m->arena, "%016llx", (unsigned long long)s->hash);
    if (!info->path || !info->name || !info->hash)
        return no_memory(err);
    return read_labels(m, err) || read_training(m, err) ? -1 : 0;
}

int ax_model_open_onnx(ax_model *m, const char *path, ax_err *err)
{
    ax_onnx_source *s = m->onnx = calloc(1, sizeof *s);
    m->packs = ax_packs_new();
    if (!s || !m->packs)
        return no_memory(err);
    if (read_file(s, path, err) || ax_onnx_check(&s->file, err) || take_inputs(s, err) ||
        find_shapes(m, err))
        return -1;
    find_batch(m);
    return describe(m, path, err);
}
