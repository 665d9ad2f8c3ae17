/* Reading ONNX files: all that a file can say comes back; whatever breaks the form is refused with
 * its place. Bytes are written field by field with protobuf_write.h, whose own test is io_onnx. */
#include "io_check.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/file.h"
#include "io/onnx_file.h"
#include "io/onnx_write.h"
#include "io/protobuf_read.h"

/* Read from memory that ends where the file ends; the copy must outlive the structs. */
static int read_copy(const ax_pb *b, const char *folder, uint8_t **copy, ax_onnx_file *f,
                     ax_err *err)
{
    *copy = exact(b->data, b->len);
    *err = (ax_err){0};
    return ax_onnx_read(*copy, b->len, folder, f, err);
}

/* ---- the wire ---- */

static void numbers_packed_and_not(void **state)
{
    (void)state;
    ax_pb b = {0};
    ax_pb_int(&b, 4, 300);
    uint8_t packed[] = {0x05, 0xff, 0x01};
    ax_pb_bytes(&b, 4, packed, sizeof packed);
    ax_pb_int(&b, 4, -1);
    ax_pb_in in = {b.data, b.data + b.len};
    ax_err err;
    uint64_t v[4];
    assert_int_equal(ax_pb_count(in, 4, AX_PB_VARINT, &err), 4);
    ax_pb_numbers(in, 4, AX_PB_VARINT, v);
    assert_int_equal(v[0], 300);
    assert_int_equal(v[1], 5);
    assert_int_equal(v[2], 255);
    assert_true(v[3] == UINT64_MAX);
    assert_int_equal(ax_pb_count(in, 4, AX_PB_BYTES, &err), -1);
    ax_pb_free(&b);
}

/* ---- a whole file ---- */

/* x (batch, 3) -> Gemm with w and b -> If(c) of two graphs; a function. */
static void write_model(ax_pb *b)
{
    static const float w[6] = {1, 2, 3, 4, 5, 6};
    static const char *dims[] = {"batch", "3"};
    ax_pb_int(b, 1, 8);
    ax_pb_str(b, 2, "test");
    ax_pb_str(b, 3, "1.0");
    size_t graph = ax_pb_open(b, 7);
    ax_pb_str(b, 2, "main");
    size_t node = ax_pb_open(b, 1);
    ax_pb_str(b, 1, "x");
    ax_pb_str(b, 1, "w");
    ax_pb_str(b, 1, "");
    ax_pb_str(b, 2, "y");
    ax_pb_str(b, 3, "first");
    ax_pb_str(b, 4, "Gemm");
    size_t attr = ax_pb_open(b, 5);
    ax_pb_str(b, 1, "alpha");
    ax_pb_float(b, 2, 0.5f);
    ax_pb_int(b, 20, AX_ONNX_A_FLOAT);
    ax_pb_close(b, attr);
    attr = ax_pb_open(b, 5);
    ax_pb_str(b, 1, "axes");
    ax_pb_int(b, 8, 1);
    ax_pb_int(b, 8, -2);
    ax_pb_int(b, 20, AX_ONNX_A_INTS);
    ax_pb_close(b, attr);
    attr = ax_pb_open(b, 5);
    ax_pb_str(b, 1, "names");
    ax_pb_str(b, 9, "Tanh");
    ax_pb_str(b, 9, "Relu");
    ax_pb_int(b, 20, AX_ONNX_A_STRINGS);
    ax_pb_close(b, attr);
    attr = ax_pb_open(b, 5);
    ax_pb_str(b, 1, "then_branch");
    size_t inner = ax_pb_open(b, 6);
    ax_pb_str(b, 2, "inner");
    ax_pb_close(b, inner);
    ax_pb_int(b, 20, AX_ONNX_A_GRAPH);
    ax_pb_close(b, attr);
    ax_pb_close(b, node);
    ax_onnx o = {.to = b};
    ax_onnx_put_value(&o, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, dims, 1);
    ax_onnx_put_value(&o, AX_ONNX_OUTPUT, "y", AX_ONNX_INT64, NULL, 0);
    ax_onnx_put_tensor(&o, "w", AX_ONNX_FLOAT, (int64_t[]){2, 3}, 2, w, sizeof w);
    size_t t = ax_pb_open(b, 5);
    ax_pb_int(b, 1, 3);
    ax_pb_int(b, 2, AX_ONNX_INT8);
    ax_pb_int(b, 5, -128);
    ax_pb_bytes(b, 5, (uint8_t[]){0x7f, 0x03}, 2);
    ax_pb_str(b, 8, "bytes");
    ax_pb_close(b, t);
    ax_pb_close(b, graph);
    size_t opset = ax_pb_open(b, 8);
    ax_pb_str(b, 1, "ai.onnx");
    ax_pb_int(b, 2, 17);
    ax_pb_close(b, opset);
    size_t fn = ax_pb_open(b, 25);
    ax_pb_str(b, 1, "twice");
    ax_pb_str(b, 10, "local");
    ax_pb_str(b, 4, "a");
    ax_pb_str(b, 5, "b");
    ax_pb_str(b, 6, "alpha");
    ax_pb_close(b, fn);
    assert_false(b->failed);
}

static void everything_comes_back(void **state)
{
    (void)state;
    ax_pb b = {0};
    ax_onnx_file f;
    ax_err err;
    uint8_t *copy;
    write_model(&b);
    if (read_copy(&b, NULL, &copy, &f, &err))
        fail_msg("%s at %s", err.msg, err.at);
    assert_int_equal(f.ir_version, 8);
    assert_string_equal(f.producer, "test 1.0");
    assert_int_equal(ax_onnx_opset_of(f.opset, f.n_opset, ""), 17);
    assert_int_equal(ax_onnx_opset_of(f.opset, f.n_opset, "ai.onnx.ml"), 0);
    const ax_onnx_graph *g = &f.graph;
    assert_string_equal(g->name, "main");
    assert_int_equal(g->n_node, 1);
    const ax_onnx_node *n = &g->node[0];
    assert_string_equal(n->op, "Gemm");
    assert_string_equal(n->domain, "");
    assert_string_equal(n->name, "first");
    assert_int_equal(n->n_in, 3);
    assert_string_equal(n->in[1], "w");
    assert_string_equal(n->in[2], "");
    assert_int_equal(n->n_out, 1);
    assert_int_equal(n->n_attr, 4);
    assert_true(n->attr[0].type == AX_ONNX_A_FLOAT && n->attr[0].f == 0.5f);
    assert_int_equal(n->attr[1].n, 2);
    assert_int_equal(n->attr[1].ints[1], -2);
    assert_string_equal(n->attr[2].strings[1], "Relu");
    assert_string_equal(n->attr[3].g->name, "inner");
    assert_int_equal(g->n_init, 2);
    const ax_onnx_tensor *w = &g->init[0], *t = &g->init[1];
    assert_string_equal(w->name, "w");
    assert_true(w->rank == 2 && w->dim[0] == 2 && w->dim[1] == 3 && w->count == 6 &&
                w->bytes == 24);
    assert_true(w->data > copy && w->data + w->bytes <= copy + b.len); /* not copied */
    assert_memory_equal(w->data, ((float[]){1, 2, 3, 4, 5, 6}), 24);
    assert_int_equal(t->count, 3);
    assert_memory_equal(t->data, ((int8_t[]){-128, 127, 3}), 3);
    assert_int_equal(g->n_in, 1);
    assert_true(g->in[0].type == AX_ONNX_FLOAT && g->in[0].rank == 1 &&
                g->in[0].dim[0].value == -1);
    assert_string_equal(g->in[0].dim[0].name, "batch");
    assert_true(g->out[0].type == AX_ONNX_INT64 && g->out[0].rank == 0);
    assert_int_equal(f.n_function, 1);
    assert_string_equal(f.function[0].domain, "local");
    assert_string_equal(f.function[0].attr[0].name, "alpha");
    ax_onnx_free(&f);
    free(copy);
    ax_pb_free(&b);
}

/* Cut anywhere, the file is refused or is a shorter file; no byte behind it is read. */
static void every_cut(void **state)
{
    (void)state;
    ax_pb b = {0};
    write_model(&b);
    size_t whole = b.len;
    for (b.len = 0; b.len < whole; b.len++) {
        ax_onnx_file f;
        ax_err err;
        uint8_t *copy;
        if (read_copy(&b, NULL, &copy, &f, &err) == 0)
            ax_onnx_free(&f);
        else
            assert_true(err.code && *err.msg);
        free(copy);
    }
    ax_pb_free(&b);
}

/* ---- what is refused ---- */

static void in_tensor(ax_pb *b, void fill(ax_pb *b))
{
    size_t graph = ax_pb_open(b, 7), t = ax_pb_open(b, 5);
    ax_pb_str(b, 8, "w");
    fill(b);
    ax_pb_close(b, t);
    ax_pb_close(b, graph);
}

static void too_few_bytes(ax_pb *b)
{
    ax_pb_int(b, 1, 3);
    ax_pb_int(b, 2, AX_ONNX_FLOAT);
    ax_pb_bytes(b, 9, "12345678", 8);
}

static void huge(ax_pb *b)
{
    for (int i = 0; i < 3; i++)
        ax_pb_int(b, 1, INT64_C(1) << 31);
    ax_pb_int(b, 2, AX_ONNX_FLOAT);
    ax_pb_bytes(b, 9, "1234", 4);
}

static void negative(ax_pb *b)
{
    ax_pb_int(b, 1, -4);
    ax_pb_int(b, 2, AX_ONNX_FLOAT);
    ax_pb_bytes(b, 9, "", 0);
}

static void too_many_numbers(ax_pb *b)
{
    ax_pb_int(b, 1, 1);
    ax_pb_int(b, 2, AX_ONNX_FLOAT);
    ax_pb_float(b, 4, 1);
    ax_pb_float(b, 4, 2);
}

static void deep_rank(ax_pb *b)
{
    for (int i = 0; i < 9; i++)
        ax_pb_int(b, 1, 1);
    ax_pb_int(b, 2, AX_ONNX_FLOAT);
}

static void odd_bool(ax_pb *b)
{
    ax_pb_int(b, 1, 1);
    ax_pb_int(b, 2, AX_ONNX_BOOL);
    ax_pb_bytes(b, 9, "\2", 1);
}

static void external_at(ax_pb *b, const char *location, const char *length)
{
    size_t e = ax_pb_open(b, 13);
    ax_pb_str(b, 1, "location");
    ax_pb_str(b, 2, location);
    ax_pb_close(b, e);
    e = ax_pb_open(b, 13);
    ax_pb_str(b, 1, "length");
    ax_pb_str(b, 2, length);
    ax_pb_close(b, e);
    ax_pb_int(b, 14, 1);
}

static void outside(ax_pb *b)
{
    ax_pb_int(b, 1, 1);
    ax_pb_int(b, 2, AX_ONNX_FLOAT);
    external_at(b, "w/../../secret", "4");
}

static void absolute(ax_pb *b)
{
    ax_pb_int(b, 1, 1);
    ax_pb_int(b, 2, AX_ONNX_FLOAT);
    external_at(b, "/etc/passwd", "4");
}

static void alone(ax_pb *b)
{
    ax_pb_int(b, 1, 1);
    ax_pb_int(b, 2, AX_ONNX_FLOAT);
    external_at(b, "weights.bin", "4");
}

static void bad_tensors(void **state)
{
    (void)state;
    static const struct {
        void (*fill)(ax_pb *b);
        ax_code code;
        const char *word;
    } rows[] = {
        {too_few_bytes, AX_ECORRUPT, "8 bytes, 3 numbers of type float32 are 12"},
        {huge, AX_ELIMIT, "2147483648"},
        {negative, AX_ESHAPE, "-4"},
        {too_many_numbers, AX_ECORRUPT, "2 numbers, its dimensions say 1"},
        {deep_rank, AX_ELIMIT, "9 dimensions"},
        {odd_bool, AX_ECORRUPT, "element 0 of type bool is 2"},
        {outside, AX_EUNSUPPORTED, "w/../../secret"},
        {absolute, AX_EUNSUPPORTED, "/etc/passwd"},
        {alone, AX_EUNSUPPORTED, "weights.bin"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_pb b = {0};
        ax_onnx_file f;
        ax_err err;
        uint8_t *copy;
        in_tensor(&b, rows[i].fill);
        assert_int_equal(read_copy(&b, NULL, &copy, &f, &err), -1);
        check_error(rows[i].word, &err, rows[i].code, rows[i].word);
        assert_string_equal(err.at, "graph.initializer[0].'w'");
        free(copy);
        ax_pb_free(&b);
    }
}

static void graphs_within_graphs(ax_pb *b, int depth)
{
    size_t graph = ax_pb_open(b, depth ? 6 : 7);
    if (depth < 20) {
        size_t node = ax_pb_open(b, 1);
        ax_pb_str(b, 4, "If");
        size_t attr = ax_pb_open(b, 5);
        ax_pb_str(b, 1, "then_branch");
        graphs_within_graphs(b, depth + 1);
        ax_pb_int(b, 20, AX_ONNX_A_GRAPH);
        ax_pb_close(b, attr);
        ax_pb_close(b, node);
    }
    ax_pb_close(b, graph);
}

static void bad_files(void **state)
{
    (void)state;
    ax_pb b = {0};
    ax_onnx_file f;
    ax_err err;
    assert_int_equal(ax_onnx_read((const uint8_t *)"", 0, NULL, &f, &err), -1);
    check_error("empty", &err, AX_EPARSE, "not an ONNX model");
    assert_int_equal(ax_onnx_read((const uint8_t *)"{\"a\":1}", 7, NULL, &f, &err), -1);
    assert_int_equal(err.code, AX_EPARSE);
    graphs_within_graphs(&b, 0);
    assert_int_equal(ax_onnx_read(b.data, b.len, NULL, &f, &err), -1);
    check_error("deep", &err, AX_ELIMIT, "deeper than 16");
    ax_pb_free(&b);
    size_t graph = ax_pb_open(&b, 7); /* nothing but empty nodes */
    for (int i = 0; i < 100000; i++)
        ax_pb_close(&b, ax_pb_open(&b, 1));
    ax_pb_close(&b, graph);
    assert_int_equal(ax_onnx_read(b.data, b.len, NULL, &f, &err), -1);
    check_error("empty nodes", &err, AX_ELIMIT, "more memory");
    ax_pb_free(&b);
}

/* ---- external data ---- */

static void four_bytes(ax_pb *b)
{
    ax_pb_int(b, 1, 1);
    ax_pb_int(b, 2, AX_ONNX_FLOAT);
    external_at(b, "sub/weights.bin", "4");
}

static void linked(ax_pb *b)
{
    ax_pb_int(b, 1, 1);
    ax_pb_int(b, 2, AX_ONNX_FLOAT);
    external_at(b, "link.bin", "4");
}

static void beyond(ax_pb *b)
{
    ax_pb_int(b, 1, 3);
    ax_pb_int(b, 2, AX_ONNX_FLOAT);
    external_at(b, "sub/weights.bin", "12");
}

static int read_in(const char *folder, void fill(ax_pb *b), ax_onnx_file *f, ax_err *err)
{
    ax_pb b = {0};
    uint8_t *copy;
    in_tensor(&b, fill);
    int bad = read_copy(&b, folder, &copy, f, err);
    free(copy); /* of external data nothing points there */
    ax_pb_free(&b);
    return bad;
}

static void external_data(void **state)
{
    (void)state;
    char folder[200], path[300], to[300];
    ax_onnx_file f;
    ax_err err;
    temp_path(folder, sizeof folder, "");
    snprintf(path, sizeof path, "%s/sub", folder);
    assert_int_equal(ax_make_folder(path, &err), 0);
    snprintf(path, sizeof path, "%s/sub/weights.bin", folder);
    assert_int_equal(ax_file_write(path, &(float){2.5f}, 4, &err), 0);
    snprintf(to, sizeof to, "%s/link.bin", folder);
    assert_int_equal(symlink(path, to), 0);
    if (read_in(folder, four_bytes, &f, &err))
        fail_msg("%s at %s", err.msg, err.at);
    assert_memory_equal(f.graph.init[0].data, &(float){2.5f}, 4);
    ax_onnx_free(&f);
    assert_int_equal(read_in(folder, linked, &f, &err), -1);
    check_error("a link", &err, AX_EIO, "link.bin");
    assert_int_equal(read_in(folder, beyond, &f, &err), -1);
    check_error("too short", &err, AX_ECORRUPT, "bytes 0 to 12");
    assert_int_equal(ax_remove_tree(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_packed_and_not),
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(bad_tensors),
        cmocka_unit_test(bad_files),
        cmocka_unit_test(external_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
