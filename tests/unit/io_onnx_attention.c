/* Attention, what ONNX Runtime's optimizer makes of it, and recurrent layers, as the importer reads
 * them: against loops in double. Many forms were compared with ONNX Runtime when they were written;
 * here each rule has one case that fails without it. */
#include "onnx_net.h"

#include <math.h>

enum { B = 2, N = 4, L = 3, S = 5, D = 2 };

typedef struct rules {
    int heads, causal, past; /* heads of keys and values; keys that were there before */
    float cap, scale;
    const float *mask; /* (L,S) */
} rules;

static float some(int seed, int64_t i)
{
    return (float)sin((double)(seed * 131 + i * 17 + 3));
}

static void fill(float *v, int seed, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        v[i] = some(seed, i);
}

/* One query: the scores, their softmax, the sum of values. */
static void query(const rules *r, const float *q, const float *k, const float *v, int row, float *y)
{
    double share[S], sum = 0, top = -INFINITY;
    for (int j = 0; j < S; j++) {
        share[j] = 0;
        for (int d = 0; d < D; d++)
            share[j] += (double)q[d] * k[j * D + d] * r->scale;
        if (r->cap > 0)
            share[j] = r->cap * tanh(share[j] / r->cap);
        share[j] += r->mask ? (double)r->mask[row * S + j] : 0;
        if (r->causal && j > row + r->past)
            share[j] = -INFINITY;
        top = fmax(top, share[j]);
    }
    for (int j = 0; j < S; j++)
        sum += share[j] = exp(share[j] - top);
    for (int d = 0; d < D; d++) {
        double value = 0;
        for (int j = 0; j < S; j++)
            value += share[j] / sum * v[j * D + d];
        y[d] = (float)value;
    }
}

static void attend(const rules *r, const float *q, const float *k, const float *v, float *y)
{
    for (int i = 0; i < B * N * L; i++) {
        int b = i / (N * L), head = i / L % N / (N / r->heads);
        int64_t at = (int64_t)(b * r->heads + head) * S * D;
        query(r, q + i * D, k + at, v + at, i % L, y + i * D);
    }
}

/* The keys from `from` on, `count` of them, of all heads. */
static void put_keys(net *n, const char *name, const float *k, int heads, int from, int count)
{
    float part[B * N * S * D];
    for (int h = 0; h < B * heads; h++)
        memcpy(part + h * count * D, k + (h * S + from) * D, (size_t)(count * D) * sizeof *part);
    put_floats(n, name, (int64_t[]){B, heads, count, D}, 4, part);
}

static void check_attention(const rules *r)
{
    float q[B * N * L * D], k[B * N * S * D], v[B * N * S * D], y[B * N * L * D];
    const char *in[] = {"x", "k", "v", r->mask ? "mask" : "", "pk", "pv"};
    net n;
    begin(&n, 23);
    fill(q, 1, B * N * L * D);
    fill(k, 2, B * r->heads * S * D);
    fill(v, 3, B * r->heads * S * D);
    put_keys(&n, "k", k, r->heads, r->past, S - r->past);
    put_keys(&n, "v", v, r->heads, r->past, S - r->past);
    if (r->past) {
        put_keys(&n, "pk", k, r->heads, 0, r->past);
        put_keys(&n, "pv", v, r->heads, 0, r->past);
    }
    if (r->mask)
        put_floats(&n, "mask", (int64_t[]){L, S}, 2, r->mask);
    ax_onnx_put_node(&n.o, "Attention", in, r->past ? 6 : r->mask ? 4 : 3, "y");
    ax_onnx_put_int(&n.o, "is_causal", r->causal);
    ax_onnx_put_float(&n.o, "softcap", r->cap);
    ax_onnx_put_float(&n.o, "scale", r->scale);
    attend(r, q, k, v, y);
    check(&n, &AX_SHAPE(B, N, L, D), q, &AX_SHAPE(B, N, L, D), y, 1e-6f);
}

static void attention(void **state)
{
    (void)state;
    float mask[L * S];
    fill(mask, 9, L * S);
    check_attention(&(rules){.heads = N, .scale = .7f});
    check_attention(&(rules){.heads = 2, .scale = .7f});
    check_attention(&(rules){.heads = 1, .scale = .7f, .mask = mask});
    check_attention(&(rules){.heads = N, .scale = .7f, .causal = 1});
    check_attention(&(rules){.heads = 2, .scale = 3, .cap = .5f, .mask = mask, .causal = 1});
    check_attention(&(rules){.heads = 2, .scale = .7f, .past = 2, .causal = 1, .mask = mask});
}

/* Queries of rank 3 have their heads side by side; a mask of bools; the default scale */
static void attention_of_features(void **state)
{
    (void)state;
    float q[L * 4], k[S * 4], y[L * 4], heads[2][3][S * D];
    uint8_t seen[S] = {1, 0, 1, 1, 0};
    float mask[L * S];
    net n;
    fill(q, 4, L * 4);
    fill(k, 5, S * 4);
    for (int i = 0; i < L * S; i++)
        mask[i] = seen[i % S] ? 0 : -INFINITY;
    rules r = {.heads = 1, .scale = (float)(1 / sqrt(2)), .mask = mask};
    for (int h = 0; h < 2; h++)
        for (int i = 0; i < L; i++) {
            for (int j = 0; j < S * D; j++)
                heads[h][0][j] = k[j / D * 4 + h * D + j % D];
            query(&r, q + i * 4 + h * D, heads[h][0], heads[h][0], i, y + i * 4 + h * D);
        }
    begin(&n, 24);
    put_floats(&n, "k", (int64_t[]){1, S, 4}, 3, k);
    ax_onnx_put_tensor(&n.o, "mask", AX_ONNX_BOOL, (int64_t[]){1, S}, 2, seen, S);
    ax_onnx_put_node(&n.o, "Attention", (const char *[]){"x", "k", "k", "mask"}, 4, "y");
    ax_onnx_put_int(&n.o, "q_num_heads", 2);
    ax_onnx_put_int(&n.o, "kv_num_heads", 2);
    check(&n, &AX_SHAPE(1, L, 4), q, &AX_SHAPE(1, L, 4), y, 1e-6f);
}

/* nonpad_kv_seqlen of opset 24: one key counts, so its value is the answer */
static void attention_of_lengths(void **state)
{
    (void)state;
    net n;
    float k[S * D], q[L * D], y[L * D];
    fill(k, 6, S * D);
    fill(q, 7, L * D);
    for (int i = 0; i < L * D; i++)
        y[i] = k[i % D];
    begin(&n, 24);
    put_floats(&n, "k", (int64_t[]){1, 1, S, D}, 4, k);
    put_ints(&n, "lens", (int64_t[]){1}, 1);
    ax_onnx_put_node(&n.o, "Attention", (const char *[]){"x", "k", "k", "", "", "", "lens"}, 7,
                     "y");
    check(&n, &AX_SHAPE(1, 1, L, D), q, &AX_SHAPE(1, 1, L, D), y, 1e-6f);
}

static void attention_refused(void **state)
{
    (void)state;
    net n;
    float k[12] = {0};
    begin(&n, 23); /* 3 heads of queries for 2 of keys */
    put_floats(&n, "k", (int64_t[]){1, 2, 2, 3}, 4, k);
    ax_onnx_put_node(&n.o, "Attention", (const char *[]){"x", "k", "k"}, 3, "y");
    assert_int_equal(finish(&n, &AX_SHAPE(1, 3, 2, 3), AX_F32), -1);
    check_error("heads", &n.err, AX_ESHAPE, "do not fit each other");
    end(&n);
    begin(&n, 23);
    put_floats(&n, "k", (int64_t[]){1, 2, 6}, 3, k);
    ax_onnx_put_node(&n.o, "Attention", (const char *[]){"x", "k", "k"}, 3, "y");
    ax_onnx_put_int(&n.o, "q_num_heads", -2);
    assert_int_equal(finish(&n, &AX_SHAPE(1, 2, 6), AX_F32), -1);
    check_error("no heads", &n.err, AX_ESHAPE, "-2 heads");
    end(&n);
    begin(&n, 23);
    put_floats(&n, "k", (int64_t[]){1, 2, 2, 3}, 4, k);
    put_floats(&n, "mask", (int64_t[]){4, 1, 1}, 3, k);
    ax_onnx_put_node(&n.o, "Attention", (const char *[]){"x", "k", "k", "mask"}, 4, "y");
    assert_int_equal(finish(&n, &AX_SHAPE(1, 2, 2, 3), AX_F32), -1);
    check_error("mask", &n.err, AX_ESHAPE, "broadcast");
    end(&n);
    begin(&n, 17);
    n.domain = "com.microsoft";
    ax_onnx_put_node(&n.o, "MultiHeadAttention", (const char *[]){"x"}, 1, "y");
    ax_pb_str(&n.b, 7, "com.microsoft");
    assert_int_equal(finish(&n, &AX_SHAPE(1, 2, 2, 3, 2), AX_F32), -1);
    check_error("packed", &n.err, AX_EUNSUPPORTED, "in one tensor");
    end(&n);
    begin(&n, 17); /* without the import of the domain */
    ax_onnx_put_node(&n.o, "FastGelu", (const char *[]){"x"}, 1, "y");
    ax_pb_str(&n.b, 7, "com.microsoft");
    assert_int_equal(finish(&n, &AX_SHAPE(2), AX_F32), -1);
    check_error("domain", &n.err, AX_EUNSUPPORTED, "not known here");
    assert_int_equal(ax_onnx_check(&n.f, &n.err), -1);
    check_error("domain", &n.err, AX_EUNSUPPORTED, "com.microsoft.FastGelu");
    end(&n);
}

/* A place turned by 90 degrees: (a, b) becomes (-b, a), in halves or neighbours. */
static void rotary(void **state)
{
    (void)state;
    static const float x[4] = {1, 2, 3, 4}, halves[4] = {-3, -4, 1, 2}, pairs[4] = {-2, 1, -4, 3};
    for (int neighbours = 0; neighbours < 2; neighbours++) {
        net n;
        begin(&n, 23);
        put_floats(&n, "cos", (int64_t[]){2, 2}, 2, (float[]){1, 1, 0, 0});
        put_floats(&n, "sin", (int64_t[]){2, 2}, 2, (float[]){0, 0, 1, 1});
        ax_onnx_put_tensor(&n.o, "at", AX_ONNX_INT64, (int64_t[]){1, 1}, 2, &(int64_t){1}, 8);
        ax_onnx_put_node(&n.o, "RotaryEmbedding", (const char *[]){"x", "cos", "sin", "at"}, 4,
                         "y");
        ax_onnx_put_int(&n.o, "interleaved", neighbours);
        check(&n, &AX_SHAPE(1, 1, 1, 4), x, &AX_SHAPE(1, 1, 1, 4), neighbours ? pairs : halves, 0);
    }
}

/* MultiHeadAttention: bias before, a mask of keys behind: only the first counts. */
static void multi_head(void **state)
{
    (void)state;
    net n;
    static const float x[4] = {5, 6, 7, 8}, v[8] = {1, 2, 3, 4, 50, 60, 70, 80},
                       bias[12] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1}, y[4] = {2, 3, 4, 5};
    begin(&n, 17);
    n.domain = "com.microsoft";
    put_floats(&n, "v", (int64_t[]){1, 2, 4}, 3, v);
    put_floats(&n, "bias", (int64_t[]){12}, 1, bias);
    ax_onnx_put_tensor(&n.o, "mask", AX_ONNX_INT32, (int64_t[]){1, 2}, 2, (int32_t[]){1, 0}, 8);
    ax_onnx_put_node(&n.o, "MultiHeadAttention", (const char *[]){"x", "v", "v", "bias", "mask"}, 5,
                     "y");
    ax_pb_str(&n.b, 7, "com.microsoft");
    ax_onnx_put_int(&n.o, "num_heads", 2);
    check(&n, &AX_SHAPE(1, 1, 4), x, &AX_SHAPE(1, 1, 4), y, 1e-6f);
}

static void skip_layer_norm(void **state)
{
    (void)state;
    net n;
    static const float x[2] = {1, 2}, one[2] = {1, 1}, skip[2] = {2, 5}, y[2] = {-1, 1};
    begin(&n, 17);
    n.domain = "com.microsoft";
    put_floats(&n, "skip", (int64_t[]){1, 2}, 2, skip);
    put_floats(&n, "gamma", (int64_t[]){2}, 1, one);
    ax_onnx_put_node(&n.o, "SkipLayerNormalization", (const char *[]){"x", "skip", "gamma"}, 3,
                     "y");
    ax_pb_str(&n.b, 7, "com.microsoft");
    check(&n, &AX_SHAPE(1, 2), x, &AX_SHAPE(1, 2), y, 1e-6f);
}

/* ---- recurrent layers ---- */

static void put_rnn(net *n, const float *w, int directions)
{
    put_floats(n, "w", (int64_t[]){directions, 1, 1}, 3, w);
    put_floats(n, "r", (int64_t[]){directions, 1, 1}, 3, w + directions);
    ax_onnx_put_node(&n->o, "RNN", (const char *[]){"x", "w", "r"}, 3, "y");
}

static void put_texts(net *n, const char *name, const char *const *v, int count)
{
    size_t at = ax_pb_open(&n->b, 5);
    ax_pb_str(&n->b, 1, name);
    ax_pb_int(&n->b, 20, AX_ONNX_A_STRINGS);
    for (int i = 0; i < count; i++)
        ax_pb_str(&n->b, 9, v[i]);
    ax_pb_close(&n->b, at);
}

static void put_numbers(net *n, const char *name, const float *v, int count)
{
    size_t at = ax_pb_open(&n->b, 5);
    ax_pb_str(&n->b, 1, name);
    ax_pb_int(&n->b, 20, AX_ONNX_A_FLOATS);
    for (int i = 0; i < count; i++)
        ax_pb_float(&n->b, 7, v[i]);
    ax_pb_close(&n->b, at);
}

/* Forward 2h + 1 of x + h, backward 3h of the same: each takes its numbers from the lists in turn.
 */
static void rnn_activations(void **state)
{
    (void)state;
    net n;
    static const float w[4] = {1, 1, 1, 1}, x[2] = {1, 2}, y[4] = {3, 21, 11, 6};
    begin(&n, 14);
    put_rnn(&n, w, 2);
    ax_onnx_put_text(&n.o, "direction", "bidirectional");
    put_texts(&n, "activations", (const char *const[]){"Affine", "affine"}, 2);
    put_numbers(&n, "activation_alpha", (float[]){2, 3}, 2);
    put_numbers(&n, "activation_beta", (float[]){1, 0}, 2);
    check(&n, &AX_SHAPE(2, 1, 1), x, &AX_SHAPE(2, 2, 1, 1), y, 0);
}

static void rnn_refused(void **state)
{
    (void)state;
    static const float w[4] = {1, 1, 1, 1};
    net n;
    begin(&n, 14);
    put_rnn(&n, w, 1);
    ax_onnx_put_text(&n.o, "direction", "sideways");
    assert_int_equal(finish(&n, &AX_SHAPE(2, 1, 1), AX_F32), -1);
    check_error("direction", &n.err, AX_EINVAL, "'sideways'");
    end(&n);
    begin(&n, 14);
    put_rnn(&n, w, 1);
    put_texts(&n, "activations", (const char *const[]){"Wave"}, 1);
    assert_int_equal(finish(&n, &AX_SHAPE(2, 1, 1), AX_F32), -1);
    check_error("activation", &n.err, AX_EUNSUPPORTED, "'Wave'");
    end(&n);
    begin(&n, 14);
    put_rnn(&n, w, 1);
    put_texts(&n, "activations", (const char *const[]){"Tanh", "Tanh"}, 2);
    assert_int_equal(finish(&n, &AX_SHAPE(2, 1, 1), AX_F32), -1);
    check_error("too many", &n.err, AX_EINVAL, "2 activations, expected 1");
    end(&n);
    begin(&n, 14);
    put_rnn(&n, w, 1);
    ax_onnx_put_int(&n.o, "hidden_size", INT64_MAX);
    assert_int_equal(finish(&n, &AX_SHAPE(2, 1, 1), AX_F32), -1);
    check_error("size", &n.err, AX_EINVAL, "hidden_size");
    end(&n);
    begin(&n, 14);
    put_rnn(&n, w, 2);
    assert_int_equal(finish(&n, &AX_SHAPE(2, 1, 1), AX_F32), -1);
    check_error("directions", &n.err, AX_ESHAPE,
                "W is float32 (2, 1, 1), expected float32 (1, 1, 1)");
    end(&n);
    begin(&n, 14);
    put_floats(&n, "w", (int64_t[]){1, 1, 1}, 3, w);
    ax_onnx_put_node_outputs(&n.o, "RNN", (const char *[]){"x", "w", "w"}, 3,
                             (const char *[]){"y", "h", "c"}, 3);
    assert_int_equal(finish(&n, &AX_SHAPE(2, 1, 1), AX_F32), -1);
    check_error("outputs", &n.err, AX_EUNSUPPORTED, "output 2 is not made here");
    end(&n);
}

static void classes_are_checked(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 2; i++) {
        net n;
        begin(&n, 13);
        put_ints(&n, "t", (int64_t[]){0, i ? -1 : 2}, 2);
        put_node(&n, "NegativeLogLikelihoodLoss", "x", "t", "y");
        if (i)
            ax_onnx_put_int(&n.o, "ignore_index", -1);
        if (i) {
            check(&n, &AX_SHAPE(2, 2), (float[]){-3, 0, 1, 2}, &(ax_shape){0}, (float[]){3}, 0);
            continue;
        }
        assert_int_equal(finish(&n, &AX_SHAPE(2, 2), AX_F32), -1);
        check_error("class", &n.err, AX_ERANGE, "the class 2 of 2");
        end(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention),
        cmocka_unit_test(attention_of_features),
        cmocka_unit_test(attention_of_lengths),
        cmocka_unit_test(attention_refused),
        cmocka_unit_test(rotary),
        cmocka_unit_test(multi_head),
        cmocka_unit_test(skip_layer_norm),
        cmocka_unit_test(rnn_activations),
        cmocka_unit_test(rnn_refused),
        cmocka_unit_test(classes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
