/* Fusion: the fused graph gives what the graph as written gives - the same bits where only residual
 * and activation moved into the store, close numbers where a batch-norm went into the weights - and
 * inner values that somebody asks for are still there. */
#include "graph/plan_impl.h"
#include "graph_util.h"
#include "io/net.h"

typedef struct row {
    const char *what, *layers; /* of a model with the input x */
    const char *shape;
    int exact; /* the same bits                                           */
    int steps; /* of the fused plan, conversions and views left out; -1: any */
} row;

#define BN "{\"type\":\"batch_norm\"}"
#define CONV(more)                                                                                 \
    "{\"type\":\"conv2d\",\"filters\":17,\"kernel_size\":3,\"padding\":\"same\"" more "}"
#define DENSE(more) "{\"type\":\"dense\",\"units\":33" more "}"
#define FLAT        "{\"type\":\"flatten\"}"

// clang-format off
static const row rows[] = {
    {"an activation after a convolution", CONV(",\"activation\":\"relu\""), "[3,7,5]", 1, 1},
    {"an activation of its own kind", CONV(",\"activation\":\"tanh\""), "[3,7,5]", 1, 1},
    {"an activation with a parameter", CONV(",\"activation\":{\"name\":\"elu\",\"alpha\":0.3}"), "[3,7,5]", 1, 1},
    {"an activation as a layer", CONV() ",{\"type\":\"activation\",\"activation\":\"sigmoid\"}", "[3,7,5]", 1, 1},
    {"softmax stays outside", FLAT "," DENSE(",\"activation\":\"softmax\""), "[3,7,5]", 1, 2},
    {"two activations", CONV(",\"activation\":\"relu\"") ",{\"type\":\"activation\",\"activation\":\"tanh\"}", "[3,7,5]", 1, 2},
    {"dense and activation", DENSE(",\"activation\":\"relu\""), "[15]", 1, 1},
    {"dense on a sequence", DENSE(",\"activation\":\"gelu\""), "[7,15]", 1, 1},
    {"no bias", CONV(",\"use_bias\":false,\"activation\":\"relu\""), "[3,7,5]", 1, 1},
    {"depthwise", "{\"type\":\"depthwise_conv2d\",\"kernel_size\":3,\"activation\":\"relu\"}", "[17,7,5]", 1, 1},
    {"a residual", CONV(",\"name\":\"a\"") "," CONV(",\"name\":\"b\"") ",{\"type\":\"add\",\"inputs\":[\"a\",\"b\"]}", "[17,7,5]", 1, 2},
    {"a residual from the other side", CONV(",\"name\":\"a\"") "," CONV(",\"name\":\"b\"") ",{\"type\":\"add\",\"inputs\":[\"b\",\"a\"]}", "[17,7,5]", 1, 2},
    {"a residual, then relu", CONV(",\"name\":\"a\"") ",{\"type\":\"add\",\"inputs\":[\"x\",\"a\"],\"activation\":\"relu\"}", "[17,7,5]", 1, 1},
    {"relu, then a residual, then relu", CONV(",\"name\":\"a\",\"activation\":\"relu\"") ",{\"type\":\"add\",\"inputs\":[\"x\",\"a\"],\"activation\":\"relu\"}", "[17,7,5]", 1, 2},
    {"the sum of one with itself", CONV(",\"name\":\"a\"") ",{\"type\":\"add\",\"inputs\":[\"a\",\"a\"]}", "[17,7,5]", 1, 2},
    {"a sum of three", CONV(",\"name\":\"a\"") "," CONV(",\"name\":\"b\"") "," CONV(",\"name\":\"c\"") ",{\"type\":\"add\",\"inputs\":[\"a\",\"b\",\"c\"],\"activation\":\"relu\"}", "[17,7,5]", 1, -1},
    {"a sum of inputs, then an activation", "{\"type\":\"add\",\"inputs\":[\"x\",\"x\"],\"activation\":\"tanh\"}", "[17,7,5]", 1, 1},
    {"used twice, so not fused", CONV(",\"name\":\"a\"") ",{\"type\":\"activation\",\"activation\":\"relu\"},{\"type\":\"multiply\",\"inputs\":[\"a\",\"activation_1\"]}", "[3,7,5]", 1, 3},
    {"dense residual", DENSE(",\"name\":\"a\"") "," DENSE(",\"name\":\"b\"") ",{\"type\":\"add\",\"inputs\":[\"a\",\"b\"],\"activation\":\"relu\"}", "[15]", 1, 2},
    {"batch-norm", CONV() "," BN, "[3,7,5]", 0, 1},
    {"batch-norm and relu", CONV(",\"use_bias\":false") ",{\"type\":\"batch_norm\",\"activation\":\"relu\"}", "[3,7,5]", 0, 1},
    {"batch-norm, residual, relu", CONV(",\"name\":\"a\"") "," CONV(",\"name\":\"b\"") "," BN ",{\"type\":\"add\",\"inputs\":[\"batch_norm_1\",\"a\"],\"activation\":\"relu\"}", "[3,7,5]", 0, 2},
    {"batch-norm after an activation stays", CONV(",\"activation\":\"relu\"") "," BN, "[3,7,5]", 1, 2},
    {"two batch-norms", CONV() "," BN "," BN, "[3,7,5]", 0, -1},
    {"batch-norm first", BN "," CONV(), "[3,7,5]", 1, 2},
    {"batch-norm after a sum", CONV(",\"name\":\"a\"") ",{\"type\":\"add\",\"inputs\":[\"x\",\"a\"]}," BN, "[17,7,5]", 1, 2},
    {"batch-norm after depthwise", "{\"type\":\"depthwise_conv2d\",\"kernel_size\":3}," BN, "[17,7,5]", 0, 1},
    {"batch-norm after groups", "{\"type\":\"conv2d\",\"filters\":9,\"groups\":3,\"kernel_size\":3}," BN, "[6,7,5]", 0, 1},
    {"batch-norm after dense", DENSE() ",{\"type\":\"batch_norm\",\"activation\":\"tanh\"}", "[15]", 0, 1},
    {"batch-norm after dense on a sequence stays", DENSE() "," BN, "[7,15]", 1, 2},
    {"batch-norm of what is also used elsewhere", CONV(",\"name\":\"a\"") "," BN ",{\"type\":\"add\",\"inputs\":[\"a\",\"batch_norm_1\"]}", "[3,7,5]", 1, 3},
    {"a batch-norm and an outside use by the output", CONV(",\"name\":\"a\"") "," BN "],\"outputs\":[\"a\",\"batch_norm_1\"", "[3,7,5]", 1, 2},
};
// clang-format on

static void build(ax_net *n, const row *r)
{
    char text[4096];
    ax_err err = {0};
    snprintf(text, sizeof text, "{\"inputs\":[{\"name\":\"x\",\"shape\":%s}],\"layers\":[%s]}",
             r->shape, r->layers);
    cJSON *spec = ax_json_parse(text, strlen(text), &err);
    if (!spec || ax_net_build(n, spec, NULL, 1, &err))
        fail_msg("%s: %s at %s", r->what, err.msg, err.at);
    cJSON_Delete(spec);
    bind_noise(&n->graph, 7);
    for (int i = 0; i < n->n_inits; i++) { /* variances are not negative */
        ax_value *v = &n->graph.val[n->inits[i].param];
        if (strstr(v->name, "moving_variance"))
            for (int64_t k = 0; k < v->desc.shape.dim[0]; k++)
                ((float *)v->data)[k] = fabsf(((float *)v->data)[k]) + 0.1f;
    }
}

static int real_steps(const ax_plan *p)
{
    int n = 0;
    for (int i = 0; i < p->n_step; i++)
        n += p->step[i].op && p->step[i].op != &ax_op_reshape;
    return n;
}

/* Fold errors: each weight and the shift are rounded once more, so a value moves by a few roundings
 * of the sum of the absolute terms; the largest output stands for that sum here, with room for
 * cancellation within it. */
static void compare(const row *r, const char *what, const float *a, const float *b, int64_t n)
{
    double largest = 0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(a[i]));
    for (int64_t i = 0; i < n; i++)
        if (r->exact ? memcmp(&a[i], &b[i], sizeof *a) != 0
                     : !(fabs(a[i] - b[i]) <= 4e-6 * largest))
            fail_msg("%s, %s: [%lld] is %.9g unfused and %.9g fused", r->what, what, (long long)i,
                     a[i], b[i]);
}

static void test_fused_equals_unfused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const row *r = &rows[i];
        ax_net n;
        ax_graph fused;
        build(&n, r);
        ax_val *map = malloc((size_t)n.graph.n_val * sizeof *map), out[64], out_fused[64];
        ax_err err;
        ax_graph_init(&fused);
        if (ax_graph_fuse(&n.graph, n.outputs, n.n_outputs, &fused, map, &err))
            fail_msg("%s: %s", r->what, err.msg);
        ax_packs *packs = ax_packs_new(), *packs_fused = ax_packs_new();
        float *a[64], *b[64];
        int64_t na[64], nb[64];
        /* the outputs, then every layer: inner values are still there */
        for (int all = 0; all < 2; all++) {
            int m = all ? n.n_layers : n.n_outputs;
            for (int k = 0; k < m; k++) {
                out[k] = all ? n.layers[k].out : n.outputs[k];
                out_fused[k] = map[out[k]];
            }
            run_noise(&n.graph, out, m, 3, packs, 5, a, na);
            run_noise(&fused, out_fused, m, 3, packs_fused, 5, b, nb);
            for (int k = 0; k < m; k++) {
                assert_int_equal(na[k], nb[k]);
                compare(r, all ? n.layers[k].name : "output", a[k], b[k], na[k]);
                free(a[k]);
                free(b[k]);
            }
        }
        for (int k = 0; k < n.n_outputs; k++)
            out_fused[k] = map[n.outputs[k]];
        ax_plan *p = plan_of(&fused, out_fused, n.n_outputs, 1, packs_fused);
        if (r->steps >= 0 && real_steps(p) != r->steps)
            fail_msg("%s: %d steps, expected %d", r->what, real_steps(p), r->steps);
        ax_plan_free(p);
        ax_packs_free(packs);
        ax_packs_free(packs_fused);
        free(map);
        ax_graph_fini(&fused);
        ax_net_fini(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fused_equals_unfused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
