/* The model spec: what is refused, where the error points and which word it says; and that the
 * canonical form of what is accepted builds the same model again. */
#include <time.h>

#include "graph_util.h"
#include "io/net.h"

#define IN4        "\"inputs\":[{\"name\":\"x\",\"shape\":[4]}]"
#define PIC        "\"inputs\":[{\"name\":\"x\",\"shape\":[3,8,8]}]"
#define SEQ        "\"inputs\":[{\"name\":\"x\",\"shape\":[5,20]}]"
#define DENSE      "{\"type\":\"dense\",\"units\":2}"
#define KL(act, kl) "{\"type\":\"dense\",\"units\":2,\"activation\":\"" act "\",\"activity_regularizer\":{\"kl\":" kl "}}"
#define L(in, ...) "{" in ",\"layers\":[" __VA_ARGS__ "]}"

// clang-format off
static const struct bad {
    const char *spec;
    ax_code code;
    const char *at, *word; /* word: of the message or the hint */
} bad_specs[] = {
    {"[]", AX_ETYPE, "", "JSON object"},
    {"{}", AX_EINVAL, "layers", "\"layers\""},
    {"{\"layers\":[" DENSE "]}", AX_EINVAL, "inputs", "\"inputs\""},
    {"{" IN4 ",\"layers\":[]}", AX_EINVAL, "layers", "1 to 4096"},
    {"{" IN4 ",\"layers\":{}}", AX_EINVAL, "layers", "1 to 4096"},
    {"{" IN4 ",\"layer\":[]}", AX_EINVAL, "layer", "did you mean 'layers'"},
    {"{\"name\":\"a b\"," IN4 ",\"layers\":[" DENSE "]}", AX_EINVAL, "name", "is not a name"},
    {"{\"name\":\"\"," IN4 ",\"layers\":[" DENSE "]}", AX_EINVAL, "name", "is not a name"},
    {"{\"name\":3," IN4 ",\"layers\":[" DENSE "]}", AX_ETYPE, "name", "a string"},
    {"{\"name\":\"../up\"," IN4 ",\"layers\":[" DENSE "]}", AX_EINVAL, "name", "slashes"},

    {L("\"inputs\":[]", DENSE), AX_EINVAL, "inputs", "1 to 16"},
    {L("\"inputs\":[4]", DENSE), AX_ETYPE, "inputs[0]", "an object like"},
    {L("\"inputs\":[{\"name\":\"x\"}]", DENSE), AX_EINVAL, "inputs[0].shape", "needs \"shape\""},
    {L("\"inputs\":[{\"name\":\"x\",\"shape\":[]}]", DENSE), AX_EINVAL, "inputs[0].shape", "1 to 7 integers"},
    {L("\"inputs\":[{\"name\":\"x\",\"shape\":[1,1,1,1,1,1,1,1]}]", DENSE), AX_EINVAL, "inputs[0].shape", "1 to 7 integers"},
    {L("\"inputs\":[{\"name\":\"x\",\"shape\":[4,0]}]", DENSE), AX_EINVAL, "inputs[0].shape[1]", "from 1 to"},
    {L("\"inputs\":[{\"name\":\"x\",\"shape\":[2.5]}]", DENSE), AX_EINVAL, "inputs[0].shape[0]", "integer"},
    {L("\"inputs\":[{\"name\":\"x\",\"shape\":[\"4\"]}]", DENSE), AX_EINVAL, "inputs[0].shape[0]", "integer"},
    {L("\"inputs\":[{\"name\":\"x\",\"shape\":[16777216,16777216,16777216]}]", DENSE), AX_ELIMIT, "inputs[0]", "too large"},
    {L("\"inputs\":[{\"name\":\"x\",\"shape\":[4],\"dtype\":\"int8\"}]", DENSE), AX_EINVAL, "inputs[0].dtype", "unknown field"},
    {L("\"inputs\":[{\"name\":\"x\",\"shape\":[4],\"std\":0}]", DENSE), AX_ETYPE, "inputs[0].std", "other than 0"},
    {L("\"inputs\":[{\"name\":\"x\",\"shape\":[3,8,8],\"mean\":[1,2]}]", DENSE), AX_EINVAL, "inputs[0].mean", "one per channel (3)"},
    {L("\"inputs\":[{\"name\":\"x\",\"shape\":[3,8,8],\"mean\":[1,null,2]}]", DENSE), AX_ETYPE, "inputs[0].mean[1]", "finite number"},
    {L("\"inputs\":[{\"name\":\"x\",\"shape\":[4],\"scale\":1e300}]", DENSE), AX_ERANGE, "inputs[0]", "float32"},
    {L("\"inputs\":[{\"name\":\"x\",\"shape\":[4],\"scale\":1e-20,\"std\":1e30}]", DENSE), AX_ERANGE, "inputs[0]", "float32"},
    {L("\"inputs\":[{\"name\":\"x\",\"shape\":[4]},{\"name\":\"x\",\"shape\":[4]}]", DENSE), AX_EEXIST, "inputs[1].name", "used twice"},

    {L(IN4, "7"), AX_ETYPE, "layers[0]", "an object like"},
    {L(IN4, "{\"units\":2}"), AX_EINVAL, "layers[0].type", "needs \"type\""},
    {L(IN4, DENSE ",{\"type\":\"danse\",\"units\":2}"), AX_ENOTFOUND, "layers[1].type", "did you mean 'dense'"},
    {L(IN4, "{\"type\":\"lstm\",\"units\":2}"), AX_EUNSUPPORTED, "layers[0].type", "not supported by this version"},
    {L(IN4, "{\"type\":\"dense\"}"), AX_EINVAL, "layers[0].units", "needs \"units\""},
    {L(IN4, "{\"type\":\"dense\",\"units\":0}"), AX_ERANGE, "layers[0].units", "from 1"},
    {L(IN4, "{\"type\":\"dense\",\"units\":1e9}"), AX_ERANGE, "layers[0].units", "to 16777216"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2.5}"), AX_ETYPE, "layers[0].units", "integer"},
    {L(IN4, "{\"type\":\"dense\",\"units\":\"2\"}"), AX_ETYPE, "layers[0].units", "integer"},
    {L(IN4, "{\"type\":\"dense\",\"unit\":2}"), AX_EINVAL, "layers[0].unit", "did you mean 'units'"},
    {L("\"inputs\":[{\"name\":\"x\",\"shape\":[16777216]}]", "{\"type\":\"dense\",\"units\":16777216}"), AX_ELIMIT, "layers[0]", "too large"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"use_bias\":1}"), AX_ETYPE, "layers[0].use_bias", "true or false"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"activation\":\"rela\"}"), AX_ENOTFOUND, "layers[0].activation", "did you mean 'relu'"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"activation\":{\"name\":\"elu\",\"slope\":1}}"), AX_EINVAL, "layers[0].activation", "slope"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"kernel_regularizer\":1e-4}"), AX_ETYPE, "layers[0].kernel_regularizer", "an object like"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"kernel_regularizer\":{\"l3\":1}}"), AX_EINVAL, "layers[0].kernel_regularizer.l3", "unknown field"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"activity_regularizer\":{\"l1\":-1}}"), AX_ERANGE, "layers[0].activity_regularizer.l1", "from 0"},
    {L(IN4, KL("sigmoid", "0.05")), AX_ETYPE, "layers[0].activity_regularizer.kl", "an object like"},
    {L(IN4, KL("sigmoid", "{\"rho\":0}")), AX_ERANGE, "layers[0].activity_regularizer.kl.rho", "from 1e-6"},
    {L(IN4, KL("sigmoid", "{\"rho\":1}")), AX_ERANGE, "layers[0].activity_regularizer.kl.rho", "to 0.999999"},
    {L(IN4, KL("sigmoid", "{\"beta\":-1}")), AX_ERANGE, "layers[0].activity_regularizer.kl.beta", "from 0"},
    {L(IN4, KL("sigmoid", "{\"gamma\":1}")), AX_EINVAL, "layers[0].activity_regularizer.kl.gamma", "unknown field"},
    {L(IN4, KL("relu", "{}")), AX_EINVAL, "layers[0].activity_regularizer.kl", "those of relu lie in [0, inf)"},
    {L(IN4, KL("elu", "{}")), AX_EINVAL, "layers[0].activity_regularizer.kl", "those of elu lie in"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"activation\":{\"name\":\"hard_tanh\",\"max_val\":2},\"activity_regularizer\":{\"kl\":{}}}"), AX_EINVAL, "layers[0].activity_regularizer.kl", "[min_val, max_val]"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"activity_regularizer\":{\"kl\":{}}}"), AX_EINVAL, "layers[0].activity_regularizer.kl", "not that of an activation"},
    {L(IN4, DENSE ",{\"type\":\"activity_regularization\",\"kl\":{}}"), AX_EINVAL, "layers[1].kl", "not that of an activation"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"activity_regularizer\":{\"hoyer\":-1}}"), AX_ERANGE, "layers[0].activity_regularizer.hoyer", "from 0"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"kernel_regularizer\":{\"hoyer\":1}}"), AX_EINVAL, "layers[0].kernel_regularizer.hoyer", "unknown field"},
    {L(IN4, "{\"type\":\"activation\"}"), AX_EINVAL, "layers[0].activation", "needs \"activation\""},
    {L(IN4, "{\"type\":\"dense\",\"units\":3,\"activation\":\"glu\"}"), AX_ESHAPE, "layers[0].activation", "glu takes a multiple of 2 elements, but there are 3"},
    {L(IN4, "{\"type\":\"dense\",\"units\":8,\"activation\":{\"name\":\"maxout\",\"pieces\":3}}"), AX_ESHAPE, "layers[0].activation", "a multiple of 3 elements, but there are 8"},
    {L(IN4, "{\"type\":\"dense\",\"units\":8,\"activation\":{\"name\":\"maxout\",\"pieces\":2.5}}"), AX_ERANGE, "layers[0].activation.pieces", "a whole number"},
    {L(IN4, "{\"type\":\"dense\",\"units\":8,\"activation\":{\"name\":\"maxout\",\"pieces\":true}}"), AX_ETYPE, "layers[0].activation.pieces", "a number"},
    {L(IN4, "{\"type\":\"dense\",\"units\":8,\"activation\":{\"name\":\"softmax\",\"temperature\":0}}"), AX_ERANGE, "layers[0].activation.temperature", "expected 1e-6 to 1000000"},
    {L(IN4, "{\"type\":\"dense\",\"units\":8,\"activation\":{\"name\":\"softmax\",\"temperature\":true}}"), AX_ETYPE, "layers[0].activation.temperature", "a number"},
    {L(PIC, "{\"type\":\"activation\",\"activation\":\"glu\"}"), AX_ESHAPE, "layers[0].activation", "there are 3"},
    {L(PIC, "{\"type\":\"activation\",\"activation\":\"softmax\",\"axis\":3}"), AX_ERANGE, "layers[0].axis", "to 2"},
    {L(PIC, "{\"type\":\"activation\",\"activation\":\"relu\",\"axis\":1}"), AX_EINVAL, "layers[0].axis", "element by element"},
    {L(IN4, "{\"type\":\"dense\",\"units\":8,\"activation\":\"softmax\",\"axis\":0}"), AX_EINVAL, "layers[0].axis", "unknown field"},
    {L(IN4, "{\"type\":\"frelu\"}"), AX_ESHAPE, "layers[0]", "needs a picture"},
    {L(IN4, "{\"type\":\"flatten\",\"activation\":\"relu\"}"), AX_EINVAL, "layers[0].activation", "unknown field"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"name\":\"a/b\"}"), AX_EINVAL, "layers[0].name", "slashes"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"name\":\"x\"}"), AX_EEXIST, "layers[0].name", "used twice"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"name\":\"a\"},{\"type\":\"flatten\",\"name\":\"a\"}"), AX_EEXIST, "layers[1].name", "used twice"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"inputs\":[\"y\"]}"), AX_ENOTFOUND, "layers[0].inputs[0]", "no layer or input called 'y'"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"name\":\"stem\"},{\"type\":\"flatten\",\"inputs\":[\"stam\"]}"), AX_ENOTFOUND, "layers[1].inputs[0]", "did you mean 'stem'"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"inputs\":[\"dense_1\"]}"), AX_ENOTFOUND, "layers[0].inputs[0]", "before this one"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"inputs\":[3]}"), AX_ETYPE, "layers[0].inputs[0]", "name of a layer"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"inputs\":\"x\"}"), AX_ETYPE, "layers[0].inputs", "array"},
    {L(IN4, "{\"type\":\"dense\",\"units\":2,\"inputs\":[\"x\",\"x\"]}"), AX_EINVAL, "layers[0].inputs", "takes 1 to 1"},
    {L(IN4, "{\"type\":\"add\"}"), AX_EINVAL, "layers[0].inputs", "takes 2 to 64"},
    {L(IN4, DENSE ",{\"type\":\"add\",\"inputs\":[\"x\",\"dense_1\"]}"), AX_ESHAPE, "layers[1].inputs[1]", "have the shapes (4) and (2), expected the same"},

    {L(IN4, "{\"type\":\"conv2d\",\"filters\":2,\"kernel_size\":3}"), AX_ESHAPE, "layers[0]", "needs a picture"},
    {L(PIC, "{\"type\":\"conv2d\",\"filters\":2}"), AX_EINVAL, "layers[0].kernel_size", "from 1 to 4096"},
    {L(PIC, "{\"type\":\"conv2d\",\"filters\":2,\"kernel_size\":[3]}"), AX_EINVAL, "layers[0].kernel_size", "or two of them"},
    {L(PIC, "{\"type\":\"conv2d\",\"filters\":2,\"kernel_size\":[3,0]}"), AX_EINVAL, "layers[0].kernel_size", "from 1"},
    {L(PIC, "{\"type\":\"conv2d\",\"filters\":2,\"kernel_size\":9}"), AX_ESHAPE, "layers[0]", "spans 9"},
    {L(PIC, "{\"type\":\"conv2d\",\"filters\":2,\"kernel_size\":3,\"strides\":0}"), AX_EINVAL, "layers[0].strides", "from 1"},
    {L(PIC, "{\"type\":\"conv2d\",\"filters\":2,\"kernel_size\":3,\"padding\":\"full\"}"), AX_EINVAL, "layers[0].padding", "\"same\""},
    {L(PIC, "{\"type\":\"conv2d\",\"filters\":2,\"kernel_size\":3,\"padding\":[1,2,3]}"), AX_EINVAL, "layers[0].padding", "[top, left, bottom, right]"},
    {L(PIC, "{\"type\":\"conv2d\",\"filters\":2,\"kernel_size\":3,\"padding\":-1}"), AX_EINVAL, "layers[0].padding", "padding must be"},
    {L(PIC, "{\"type\":\"conv2d\",\"filters\":2,\"kernel_size\":3,\"groups\":3}"), AX_EINVAL, "layers[0].groups", "divide both"},
    {L(SEQ, "{\"type\":\"conv1d\",\"filters\":2,\"kernel_size\":[3,5]}"), AX_EINVAL, "layers[0].kernel_size", "a number"},
    {L(SEQ, "{\"type\":\"conv1d\",\"filters\":2,\"kernel_size\":3,\"padding\":[1,1]}"), AX_EINVAL, "layers[0].padding", "a number"},
    {L(PIC, "{\"type\":\"conv1d\",\"filters\":2,\"kernel_size\":3}"), AX_ESHAPE, "layers[0]", "needs a sequence"},
    {L(PIC, "{\"type\":\"max_pool2d\",\"pool_size\":9}"), AX_ESHAPE, "layers[0]", "does not fit"},
    {L(PIC, "{\"type\":\"max_pool2d\",\"padding\":2}"), AX_ERANGE, "layers[0]", "not smaller than the window"},
    {L(PIC, "{\"type\":\"max_pool2d\",\"count_include_pad\":true}"), AX_EINVAL, "layers[0].count_include_pad", "unknown field"},
    {L(PIC, "{\"type\":\"reshape\"}"), AX_EINVAL, "layers[0].target_shape", "array"},
    {L(PIC, "{\"type\":\"reshape\",\"target_shape\":[0]}"), AX_EINVAL, "layers[0].target_shape[0]", "no elements"},
    {L(PIC, "{\"type\":\"reshape\",\"target_shape\":[5,-1]}"), AX_ESHAPE, "layers[0].target_shape", "cannot reshape (3, 8, 8) to (5, -1): its 192 numbers do not divide by 5"},
    {L(PIC, "{\"type\":\"reshape\",\"target_shape\":[5,7]}"), AX_ESHAPE, "layers[0].target_shape", "cannot reshape (3, 8, 8) to (5, 7): it has 192 numbers, the target takes 35"},
    {L(PIC, "{\"type\":\"reshape\",\"target_shape\":[-1,2,-1]}"), AX_ESHAPE, "layers[0].target_shape", "(-1, 2, -1) has -1 2 times"},
    {L(PIC, "{\"type\":\"reshape\",\"target_shape\":[16777216,16777216,16777216]}"), AX_ESHAPE, "layers[0].target_shape", "to (16777216, 16777216, 16777216)"},
    {L(PIC, "{\"type\":\"permute\",\"dims\":[1,1,2]}"), AX_EINVAL, "layers[0].dims[1]", "axis 1 is named twice, expected each from 1 to 3 once"},
    {L(PIC, "{\"type\":\"permute\",\"dims\":[1,2,4]}"), AX_EINVAL, "layers[0].dims[2]", "axis 4 is not there, expected each from 1 to 3 once"},
    {L(PIC, "{\"type\":\"permute\",\"dims\":[1,2]}"), AX_ESHAPE, "layers[0].dims", "has 2 \"dims\", but its input has 3 axes: shape (3, 8, 8)"},
    {L(PIC, "{\"type\":\"permute\",\"dims\":[1,2,9]}"), AX_EINVAL, "layers[0].dims[2]", "from 1 to"},
    {L(IN4, "{\"type\":\"dropout\",\"rate\":1}"), AX_ERANGE, "layers[0].rate", "to 0.999"},
    {L(IN4, "{\"type\":\"batch_norm\",\"momentum\":2}"), AX_ERANGE, "layers[0].momentum", "from 0 to 1"},
    {L(IN4, "{\"type\":\"batch_norm\",\"epsilon\":0}"), AX_ERANGE, "layers[0].epsilon", "from"},
    {L(IN4, "{\"type\":\"layer_norm\",\"axis\":-2}"), AX_ERANGE, "layers[0].axis", "from -1 to -1"},
    {L(PIC, "{\"type\":\"max_pool2d\",\"name\":\"p\"},{\"type\":\"concat\",\"inputs\":[\"x\",\"p\"]}"), AX_ESHAPE, "layers[1].inputs[1]", "the shapes (3, 8, 8) and (3, 4, 4), expected the same but for axis 0"},
    {L(PIC, "{\"type\":\"concat\",\"inputs\":[\"x\",\"x\"],\"axis\":3}"), AX_ERANGE, "layers[0].axis", "to 2"},
    {L(PIC, "{\"type\":\"upsample2d\",\"size\":5000}"), AX_EINVAL, "layers[0].size", "4096"},

    {"{" IN4 ",\"layers\":[" DENSE "],\"outputs\":[\"dens_1\"]}", AX_ENOTFOUND, "outputs[0]", "did you mean 'dense_1'"},
    {"{" IN4 ",\"layers\":[" DENSE "],\"outputs\":[]}", AX_EINVAL, "outputs", "1 to 16"},
    {"{" IN4 ",\"layers\":[" DENSE "],\"outputs\":[1]}", AX_ETYPE, "outputs[0]", "name of a layer"},
    {"{" IN4 ",\"layers\":[" DENSE "],\"labels\":[\"a\"]}", AX_ESHAPE, "labels", "2 classes"},
    {"{" IN4 ",\"layers\":[" DENSE "],\"labels\":[\"a\",7]}", AX_ETYPE, "labels[1]", "a string"},
    {"{" IN4 ",\"layers\":[" DENSE "],\"labels\":\"a\"}", AX_ESHAPE, "labels", "classes"},
};
// clang-format on

static int build(ax_net *n, const char *text, const ax_net_training *training, int64_t batch,
                 ax_err *err)
{
    cJSON *spec = ax_json_parse(text, strlen(text), err);
    int bad = !spec || ax_net_build(n, spec, training, batch, err);
    cJSON_Delete(spec);
    return bad ? -1 : 0;
}

static void test_bad_specs(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof bad_specs / sizeof *bad_specs; i++) {
        const struct bad *b = &bad_specs[i];
        ax_net_training training = {1, NULL};
        for (int t = 0; t < 2; t++) { /* for inference and for training alike */
            ax_net n;
            ax_err err = {0};
            if (!build(&n, b->spec, t ? &training : NULL, 1, &err))
                fail_msg("%s was accepted", b->spec);
            if (err.code != b->code || strcmp(err.at, b->at) ||
                (!strstr(err.msg, b->word) && !strstr(err.hint, b->word))) {
                print_error("%s\n  code %d at '%s': %s (%s)\n  expected %d at '%s' and '%s'\n",
                            b->spec, err.code, err.at, err.msg, err.hint, b->code, b->at, b->word);
                wrong++;
            }
            assert_int_equal(n.graph.n_val, 0);
            assert_null(n.spec);
        }
    }
    assert_int_equal(wrong, 0);
}

// clang-format off
static const char *const good_specs[] = {
    L(IN4, DENSE),
    L(IN4, DENSE "," DENSE ",{\"type\":\"dense\",\"units\":3,\"name\":\"dense_3\"}," DENSE),
    L(IN4, "{\"type\":\"dense\",\"units\":2,\"name\":\"dense_1\"}," DENSE),
    L(IN4, "{\"type\":\"dense\",\"units\":8,\"activation\":{\"name\":\"elu\",\"alpha\":0.1},\"kernel_regularizer\":{\"l1\":1e-5,\"l2\":0.1},"
           "\"activity_regularizer\":{\"l1\":1e-5},\"kernel_initializer\":\"he_normal\",\"use_bias\":false},{\"type\":\"dropout\"},"
           "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\"}"),
    "{\"name\":\"two-heads\"," PIC ",\"layers\":[{\"type\":\"conv2d\",\"filters\":4,\"kernel_size\":[3,1],\"padding\":\"same\",\"name\":\"stem\"},"
    "{\"type\":\"global_avg_pool2d\"},{\"type\":\"dense\",\"units\":2,\"name\":\"a\",\"activation\":\"sigmoid\"},"
    "{\"type\":\"global_max_pool2d\",\"inputs\":[\"stem\"]},{\"type\":\"dense\",\"units\":3}],\"outputs\":[\"a\",\"dense_1\"]}",
    L("\"inputs\":[{\"name\":\"a\",\"shape\":[4],\"scale\":0.00392156862745098,\"mean\":[0.1,0.2,0.3,0.4],\"std\":0.5},{\"name\":\"b\",\"shape\":[4]}]",
      "{\"type\":\"concat\",\"inputs\":[\"a\",\"b\"]},{\"type\":\"layer_norm\"},{\"type\":\"add\",\"inputs\":[\"a\",\"b\"],\"activation\":\"prelu\"}"),
    L(PIC, "{\"type\":\"conv2d\",\"filters\":6,\"kernel_size\":3,\"strides\":2,\"padding\":[0,1,2,3],\"groups\":3,\"dilation_rate\":[1,2]},"
           "{\"type\":\"batch_norm\",\"activation\":\"relu\"},{\"type\":\"depthwise_conv2d\",\"kernel_size\":3,\"depth_multiplier\":2,\"padding\":1},"
           "{\"type\":\"max_pool2d\",\"padding\":\"same\"},{\"type\":\"upsample2d\"},{\"type\":\"zero_pad2d\",\"padding\":[1,2]},"
           "{\"type\":\"avg_pool2d\",\"pool_size\":[2,1],\"strides\":1,\"count_include_pad\":true},{\"type\":\"permute\",\"dims\":[3,1,2]},"
           "{\"type\":\"flatten\"},{\"type\":\"reshape\",\"target_shape\":[-1,1]},{\"type\":\"activity_regularization\",\"l2\":0.1}"),
    L(SEQ, "{\"type\":\"conv1d\",\"filters\":10,\"kernel_size\":4,\"padding\":\"same\",\"strides\":3,\"groups\":5},{\"type\":\"layer_norm\",\"axis\":-2},"
           "{\"type\":\"activation\",\"activation\":\"softmax\"},{\"type\":\"multiply\",\"inputs\":[\"conv1d_1\",\"activation_1\"]}"),
    "{" IN4 ",\"layers\":[{\"type\":\"dense\",\"units\":1,\"activation\":\"sigmoid\"}],\"labels\":[\"no\",\"yes\"]}",
    L(IN4, KL("sigmoid", "{\"rho\":0.1}") "," KL("tanh", "{}") "," KL("hard_tanh", "{}") ","
           "{\"type\":\"activity_regularization\",\"hoyer\":1e-4,\"kl\":{\"beta\":1}}"),
    L(PIC, "{\"type\":\"conv2d\",\"filters\":12,\"kernel_size\":3,\"activation\":{\"name\":\"swiglu\",\"gate_first\":true}},{\"type\":\"frelu\",\"kernel_size\":[3,2]},"
           "{\"type\":\"activation\",\"activation\":\"crelu\"},{\"type\":\"activation\",\"activation\":{\"name\":\"maxout\",\"pieces\":3}},"
           "{\"type\":\"flatten\"},{\"type\":\"dense\",\"units\":5,\"activation\":{\"name\":\"gumbel_softmax\",\"hard\":true}},"
           "{\"type\":\"dense\",\"units\":4,\"activation\":{\"name\":\"softmin\",\"temperature\":0.5}}"),
};
// clang-format on

static void same_graphs(const ax_net *a, const ax_net *b)
{
    assert_int_equal(a->graph.n_val, b->graph.n_val);
    assert_int_equal(a->graph.n_node, b->graph.n_node);
    for (int i = 0; i < a->graph.n_val; i++) {
        assert_string_equal(a->graph.val[i].name, b->graph.val[i].name);
        assert_true(ax_shape_equal(&a->graph.val[i].desc.shape, &b->graph.val[i].desc.shape));
    }
    for (int i = 0; i < a->graph.n_node; i++) {
        assert_ptr_equal(a->graph.node[i].op, b->graph.node[i].op);
        assert_string_equal(a->graph.node[i].name, b->graph.node[i].name);
    }
    assert_int_equal(a->n_inits, b->n_inits);
    assert_int_equal(a->n_layers, b->n_layers);
    assert_int_equal(a->n_outputs, b->n_outputs);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof good_specs / sizeof *good_specs; i++)
        for (int t = 0; t < 2; t++) {
            ax_net_training training = {1, NULL};
            ax_net a, b;
            ax_err err = {0};
            if (build(&a, good_specs[i], t ? &training : NULL, 2, &err) ||
                build(&b, a.spec, t ? &training : NULL, 2, &err))
                fail_msg("%s: %s at %s", good_specs[i], err.msg, err.at);
            assert_string_equal(a.spec, b.spec);
            same_graphs(&a, &b);
            for (int l = 0; l < a.n_layers; l++)
                assert_true(*a.layers[l].name && a.layers[l].params >= 0 && a.layers[l].flops >= 0);
            ax_net_fini(&a);
            ax_net_fini(&b);
        }
}

static void test_made_up_names(void **state)
{
    (void)state;
    static const char *const want[] = {"dense_1", "dense_2", "dense_3", "dense_4"};
    ax_net n;
    ax_err err;
    assert_int_equal(build(&n, good_specs[1], NULL, 1, &err), 0);
    for (int i = 0; i < 4; i++)
        assert_string_equal(n.layers[i].name, want[i]);
    ax_net_fini(&n);
    assert_int_equal(build(&n, good_specs[2], NULL, 1, &err), 0);
    assert_string_equal(n.layers[1].name, "dense_2");
    ax_net_fini(&n);
}

static void test_facts_of_layers(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        int64_t params, flops;
        const char *activation;
    } rows[] = {
        {L(IN4, DENSE), 4 * 2 + 2, 2 * 4 * 2, ""},
        {L(IN4, "{\"type\":\"dense\",\"units\":2,\"use_bias\":false,\"activation\":\"relu\"}"), 8,
         16 + 2, "relu"},
        {L(IN4, "{\"type\":\"dense\",\"units\":2,\"activation\":\"prelu\"}"), 10 + 2, 16 + 2,
         "prelu"},
        {L(PIC, "{\"type\":\"conv2d\",\"filters\":4,\"kernel_size\":3}"), 4 * 27 + 4,
         2 * 4 * 36 * 27, ""},
        {L(PIC, "{\"type\":\"batch_norm\"}"), 12, 192, ""},
        {L(PIC, "{\"type\":\"flatten\"}"), 0, 0, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_net n;
        ax_err err;
        assert_int_equal(build(&n, rows[i].spec, NULL, 3, &err), 0);
        if (n.layers[0].params != rows[i].params || n.layers[0].flops != rows[i].flops)
            fail_msg("%s: %lld parameters, %lld flops", rows[i].spec, (long long)n.layers[0].params,
                     (long long)n.layers[0].flops);
        assert_string_equal(n.layers[0].activation, rows[i].activation);
        ax_net_fini(&n);
    }
}

/* Functions of whole rows work over the channels of a picture, else over the last axis, or where
 * "axis" says, and may change the length. */
static void test_shapes_of_rows(void **state)
{
    (void)state;
    static const struct {
        const char *input, *layer;
        int64_t params;
        ax_shape out;
    } rows[] = {
        {IN4, "{\"type\":\"dense\",\"units\":6,\"activation\":\"glu\"}", 30, AX_SHAPE(2, 3)},
        {IN4, "{\"type\":\"dense\",\"units\":6,\"activation\":\"crelu\"}", 30, AX_SHAPE(2, 12)},
        {IN4, "{\"type\":\"dense\",\"units\":6,\"activation\":{\"name\":\"maxout\",\"pieces\":3}}", 30,
         AX_SHAPE(2, 2)},
        {IN4, "{\"type\":\"dense\",\"units\":6,\"activation\":\"softmax1\"}", 30, AX_SHAPE(2, 6)},
        {PIC, "{\"type\":\"conv2d\",\"filters\":4,\"kernel_size\":1,\"activation\":\"geglu\"}", 16,
         AX_SHAPE(2, 2, 8, 8)},
        {PIC, "{\"type\":\"activation\",\"activation\":\"crelu\"}", 0, AX_SHAPE(2, 6, 8, 8)},
        {PIC, "{\"type\":\"activation\",\"activation\":\"crelu\",\"axis\":1}", 0,
         AX_SHAPE(2, 3, 16, 8)},
        {PIC, "{\"type\":\"activation\",\"activation\":\"glu\",\"axis\":-1}", 0,
         AX_SHAPE(2, 3, 8, 4)},
        {SEQ, "{\"type\":\"activation\",\"activation\":\"glu\"}", 0, AX_SHAPE(2, 5, 10)},
        {SEQ, "{\"type\":\"activation\",\"activation\":\"crelu\",\"axis\":0}", 0, AX_SHAPE(2, 10, 20)},
        {PIC, "{\"type\":\"frelu\"}", 3 * 9 + 3, AX_SHAPE(2, 3, 8, 8)},
        {PIC, "{\"type\":\"frelu\",\"kernel_size\":[4,1],\"use_bias\":false}", 3 * 4,
         AX_SHAPE(2, 3, 8, 8)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int t = 0; t < 2; t++) {
            ax_net_training training = {1, NULL};
            char spec[512];
            ax_net n;
            ax_err err;
            snprintf(spec, sizeof spec, "{%s,\"layers\":[%s]}", rows[i].input, rows[i].layer);
            if (build(&n, spec, t ? &training : NULL, 2, &err))
                fail_msg("%s: %s", spec, err.msg);
            const ax_shape *s = &n.graph.val[n.outputs[0]].desc.shape;
            char text[160];
            if (!ax_shape_equal(s, &rows[i].out) || n.layers[0].params != rows[i].params)
                fail_msg("%s: %lld parameters, shape %s", spec, (long long)n.layers[0].params,
                         ax_shape_str(s, text, sizeof text));
            ax_net_fini(&n);
        }
}

static int count_ops(const ax_net *n, const ax_op *op)
{
    int count = 0;
    for (int i = 0; i < n->graph.n_node; i++)
        count += n->graph.node[i].op == op;
    return count;
}

/* gumbel_softmax is noisy in training alone; each layer draws its own noise. */
static void test_noise(void **state)
{
    (void)state;
    const char *spec = L(IN4, "{\"type\":\"dense\",\"units\":4,\"activation\":\"gumbel_softmax\"},"
                              "{\"type\":\"activation\",\"activation\":\"gumbel_softmax\"}");
    ax_net n;
    ax_err err;
    ax_net_training training = {7, NULL};
    assert_int_equal(build(&n, spec, NULL, 1, &err), 0);
    assert_int_equal(count_ops(&n, &ax_op_gumbel), 0);
    ax_net_fini(&n);
    assert_int_equal(build(&n, spec, &training, 4, &err), 0);
    assert_int_equal(count_ops(&n, &ax_op_gumbel), 2);
    const ax_gumbel_attr *found[2];
    for (int i = 0, k = 0; i < n.graph.n_node; i++)
        if (n.graph.node[i].op == &ax_op_gumbel)
            found[k++] = n.graph.node[i].attr;
    assert_true(found[0]->seed == 7 && found[1]->seed == 7 && found[0]->stream != found[1]->stream);
    ax_net_fini(&n);
}

/* Where a final softmax or sigmoid is, the loss gets what goes into it, scaled where a temperature
 * says so. */
static void test_logits(void **state)
{
    (void)state;
    static const struct {
        const char *activation;
        int other, scaled;
    } rows[] = {
        {"\"softmax\"", 1, 0},   {"{\"name\":\"softmax\",\"temperature\":2}", 1, 1},
        {"\"softmin\"", 1, 1},   {"\"sigmoid\"", 1, 0},
        {"\"sparsemax\"", 0, 0}, {"\"softmax1\"", 0, 0},
        {"\"relu\"", 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char spec[512];
        ax_net n;
        ax_err err;
        snprintf(spec, sizeof spec,
                 "{%s,\"layers\":[{\"type\":\"dense\",\"units\":3,\"activation\":%s}]}", IN4,
                 rows[i].activation);
        assert_int_equal(build(&n, spec, NULL, 1, &err), 0);
        assert_int_equal(n.logits[0] != n.outputs[0], rows[i].other);
        assert_int_equal(count_ops(&n, &ax_op_affine), rows[i].scaled);
        ax_net_fini(&n);
    }
}

/* What training adds and inference leaves out. */
static void test_training_and_inference(void **state)
{
    (void)state;
    const char *spec = L(IN4, "{\"type\":\"dense\",\"units\":8,\"kernel_regularizer\":{\"l2\":0.1},"
                              "\"name\":\"fc\"},{\"type\":\"batch_norm\",\"name\":\"bn\"},"
                              "{\"type\":\"dropout\"},{\"type\":\"dense\",\"units\":2,"
                              "\"activation\":\"softmax\",\"activity_regularizer\":{\"l1\":0.1}}");
    ax_net n;
    ax_err err;
    ax_net_training training = {1, NULL};
    assert_int_equal(build(&n, spec, NULL, 1, &err), 0);
    assert_int_equal(n.n_penalties, 0);
    assert_int_equal(n.n_running, 0);
    assert_int_equal(n.step, AX_NONE);
    assert_true(n.logits[0] != n.outputs[0]);
    for (int i = 0; i < n.graph.n_node; i++)
        assert_true(n.graph.node[i].op != &ax_op_dropout &&
                    n.graph.node[i].op != &ax_op_batch_norm_train);
    ax_net_fini(&n);
    assert_int_equal(build(&n, spec, &training, 4, &err), 0);
    assert_int_equal(n.n_penalties, 2);
    assert_int_equal(n.n_running, 2);
    assert_true(n.step >= 0);
    ax_net_fini(&n);
    training.freeze = cJSON_Parse("[\"bn\",\"fc\"]");
    assert_int_equal(build(&n, spec, &training, 4, &err), 0);
    assert_int_equal(n.n_running, 0);
    for (int i = 0; i < n.graph.n_val; i++)
        if (!strncmp(n.graph.val[i].name, "fc/", 3) || !strncmp(n.graph.val[i].name, "bn/", 3))
            assert_false(n.graph.val[i].trainable);
    ax_net_fini(&n);
    cJSON_Delete((cJSON *)(uintptr_t)training.freeze);
    training.freeze = cJSON_Parse("[\"fc\",\"bm\"]");
    assert_int_equal(build(&n, spec, &training, 4, &err), -1);
    assert_string_equal(err.at, "freeze[1]");
    cJSON_Delete((cJSON *)(uintptr_t)training.freeze);
}

/* Which penalties each field asks for, and that kl knows the two ranges apart. */
static void test_penalties(void **state)
{
    static const struct {
        const char *act, *field;
        int l1l2, kl, hoyer, symmetric;
    } rows[] = {
        {"sigmoid", "\"activity_regularizer\":{\"l1\":1,\"kl\":{},\"hoyer\":2}", 1, 1, 1, 0},
        {"sigmoid", "\"activity_regularizer\":{\"kl\":{}}", 0, 1, 0, 0},
        {"softmax", "\"activity_regularizer\":{\"kl\":{}}", 0, 1, 0, 0},
        {"tanh", "\"activity_regularizer\":{\"kl\":{}}", 0, 1, 0, 1},
        {"hard_tanh", "\"activity_regularizer\":{\"kl\":{}}", 0, 1, 0, 1},
        {"relu", "\"activity_regularizer\":{\"hoyer\":1e-4}", 0, 0, 1, 0},
        {"tanh", "\"activity_regularizer\":{\"kl\":{\"beta\":0},\"hoyer\":0}", 0, 0, 0, 0},
        {"relu", "\"kernel_regularizer\":{\"l1\":1,\"l2\":1},\"activity_regularizer\":{\"l2\":1}", 2, 0, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char spec[400];
        ax_net n;
        ax_err err;
        snprintf(spec, sizeof spec, L(IN4, "{\"type\":\"dense\",\"units\":2,\"activation\":\"%s\",%s}"),
                 rows[i].act, rows[i].field);
        if (build(&n, spec, &(ax_net_training){1, NULL}, 3, &err))
            fail_msg("%s: %s", spec, err.msg);
        assert_int_equal(count_ops(&n, &ax_op_penalty), rows[i].l1l2);
        assert_int_equal(count_ops(&n, &ax_op_kl_sparsity), rows[i].kl);
        assert_int_equal(count_ops(&n, &ax_op_hoyer), rows[i].hoyer);
        assert_int_equal(n.n_penalties, rows[i].l1l2 + rows[i].kl + rows[i].hoyer);
        for (int k = 0; k < n.graph.n_node; k++)
            if (n.graph.node[k].op == &ax_op_kl_sparsity)
                assert_int_equal(((const ax_kl_attr *)n.graph.node[k].attr)->symmetric, rows[i].symmetric);
        ax_net_fini(&n);
    }
}

/* kl after a formula or learned parameters, whose range is looked up by looking. message NULL: taken. */
static void test_kl_looks(void **state)
{
    static const struct {
        const char *act, *message;
        int symmetric;
    } rows[] = {
        {"{\"formula\":\"sigmoid(2*x)\"}", NULL, 0},
        {"{\"formula\":\"exp(-x^2)\"}", NULL, 0},
        {"{\"formula\":\"sin(x)^2\"}", NULL, 0}, /* without limits */
        {"{\"formula\":\"clip(x, 0, 1)\"}", NULL, 0},
        {"{\"formula\":\"0.25 + 0*x\"}", NULL, 0},
        {"{\"formula\":\"tanh(x/2)\"}", NULL, 1},
        {"{\"formula\":\"sigmoid(b*x)\",\"params\":{\"b\":1},\"learnable\":[\"b\"]}", NULL, 0},
        {"{\"formula\":\"b*sigmoid(c*x)\",\"params\":{\"b\":{\"default\":0.5,\"min\":0,\"max\":1},\"c\":1},\"learnable\":[\"b\",\"c\"]}", NULL, 0},
        {"{\"formula\":\"x*sigmoid(x)\"}", "'x*sigmoid(x)' go from -0.278465 (at x = -1.27", 0},
        {"{\"formula\":\"1.5*sigmoid(x)\"}", "go from 0 (at x = -inf) to 1.5 (at x = ", 0},
        {"{\"formula\":\"0.5*tanh(x)\"}", "go from -0.5 (at x = ", 0},
        {"{\"formula\":\"sigmoid(x) - 1e-6\"}", "go from -1e-06 (at x = -inf)", 0},
        {"{\"formula\":\"0.9*sigmoid(x) + exp(-(x - 100)^2)\"}", "to 1.9 (at x = 100)", 0},
        {"{\"formula\":\"b*sigmoid(x)\",\"params\":{\"b\":{\"default\":0.5,\"min\":0,\"max\":3}},\"learnable\":[\"b\"]}",
         "'b*sigmoid(x)' with b = 3 go from 0 (at x = -inf) to 3", 0},
        {"{\"formula\":\"a*b*c*d*f*sigmoid(x)\",\"params\":{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"f\":1},"
         "\"learnable\":[\"a\",\"b\",\"c\",\"d\",\"f\"]}", "at most 4 learned parameters, this one has 5", 0},
        {"{\"name\":\"swish\",\"learnable\":[\"beta\"]}", "'swish' with beta = 1 go from -0.278465", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char spec[600];
        ax_net n;
        ax_err err = {0};
        snprintf(spec, sizeof spec, L(IN4, "{\"type\":\"dense\",\"units\":2,\"activation\":%s,\"activity_regularizer\":{\"kl\":{}}}"), rows[i].act);
        int bad = build(&n, spec, &(ax_net_training){1, NULL}, 3, &err);
        if (bad != (rows[i].message ? -1 : 0) || (bad && !strstr(err.msg, rows[i].message)))
            fail_msg("%s: %d %s", rows[i].act, bad, err.msg);
        if (bad) {
            assert_string_equal(err.at, "layers[0].activity_regularizer.kl");
            continue;
        }
        assert_int_equal(count_ops(&n, &ax_op_kl_sparsity), 1);
        for (int k = 0; k < n.graph.n_node; k++)
            if (n.graph.node[k].op == &ax_op_kl_sparsity)
                assert_int_equal(((const ax_kl_attr *)n.graph.node[k].attr)->symmetric, rows[i].symmetric);
        ax_net_fini(&n);
    }
}

/* As many layers as are allowed, all to be named, in a moment; one more is refused. */
static void test_many_layers(void **state)
{
    (void)state;
    for (int count = 4096; count <= 4097; count++) {
        char *text = malloc((size_t)count * 40 + 200), *p = text;
        p += sprintf(p, "{%s,\"layers\":[", IN4);
        for (int i = 0; i < count; i++)
            p += sprintf(p, "%s{\"type\":\"dense\",\"units\":1}", i ? "," : "");
        strcpy(p, "]}");
        ax_net n;
        ax_err err = {0};
        clock_t start = clock();
        int bad = build(&n, text, NULL, 1, &err);
        assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 5);
        assert_int_equal(bad, count > 4096 ? -1 : 0);
        if (!bad) {
            assert_string_equal(n.layers[4095].name, "dense_4096");
            ax_net_fini(&n);
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_specs),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_made_up_names),
        cmocka_unit_test(test_facts_of_layers),
        cmocka_unit_test(test_shapes_of_rows),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_logits),
        cmocka_unit_test(test_training_and_inference),
        cmocka_unit_test(test_penalties),
        cmocka_unit_test(test_kl_looks),
        cmocka_unit_test(test_many_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
