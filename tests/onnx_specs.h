/* onnx_specs.h - model specs that between them have every layer type, with its fields, and the nets
 * of them: for what is said of models as files of ONNX. */
#ifndef TESTS_ONNX_SPECS_H
#define TESTS_ONNX_SPECS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "axon.h"
#include "io/net.h"

#define IN(shape)     "\"inputs\":[{\"name\":\"in\",\"shape\":[" shape "]}]"
#define PICTURE       IN("3,11,7")
#define LAYERS(...)   "\"layers\":[" #__VA_ARGS__ "]"
#define SPEC(in, ...) "{\"name\":\"m\"," in "," LAYERS(__VA_ARGS__) "}"

// clang-format off
static const struct onnx_spec {
    const char *name;
    int opset; /* that the file asks for */
    int only_noted; /* a reader that goes by the nodes may refuse it */
    const char *spec;
} onnx_specs[] = {
    {"dense", 9, 0, SPEC(IN("5"), {"type":"dense","units":7,"name":"d"})},
    {"dense without bias", 11, 0, SPEC(IN("5"), {"type":"dense","units":7,"use_bias":false})},
    {"dense of rows", 9, 0, SPEC(IN("3,5"), {"type":"dense","units":7})},
    {"dense of rows without bias", 9, 0, SPEC(IN("2,3,5"), {"type":"dense","units":4,"use_bias":false,"activation":"relu"})},
    {"labels", 13, 0, "{\"name\":\"named\",\"labels\":[\"a\",\"b \\\"c\\\"\",\"\"]," IN("5") ","
                LAYERS({"type":"dense","units":3,"activation":"softmax"}) "}"},
    {"conv2d valid", 9, 0, SPEC(PICTURE, {"type":"conv2d","filters":5,"kernel_size":[3,2],"name":"c"})},
    {"conv2d same", 9, 0, SPEC(PICTURE, {"type":"conv2d","filters":5,"kernel_size":[4,3],"strides":[2,3],"padding":"same","activation":"tanh"})},
    {"conv2d padded", 9, 0, SPEC(PICTURE, {"type":"conv2d","filters":6,"kernel_size":3,"padding":[2,0,1,3],"dilation_rate":[2,1],"use_bias":false})},
    {"conv2d in groups", 9, 0, SPEC(IN("6,9,9"), {"type":"conv2d","filters":9,"kernel_size":3,"groups":3})},
    {"depthwise", 9, 0, SPEC(PICTURE, {"type":"depthwise_conv2d","kernel_size":3,"depth_multiplier":2,"padding":"same","strides":2})},
    {"conv1d", 9, 0, SPEC(IN("3,17"), {"type":"conv1d","filters":4,"kernel_size":5,"strides":2,"dilation_rate":2,"padding":"same","activation":"elu"})},
    {"max_pool2d", 9, 0, SPEC(PICTURE, {"type":"max_pool2d","pool_size":[3,2],"strides":2,"padding":"same"})},
    {"avg_pool2d", 9, 0, SPEC(PICTURE, {"type":"avg_pool2d","pool_size":3,"strides":2,"padding":1})},
    {"avg_pool2d of padding", 9, 0, SPEC(PICTURE, {"type":"avg_pool2d","pool_size":3,"padding":[1,0,2,1],"count_include_pad":true})},
    {"global_avg_pool2d", 9, 0, SPEC(PICTURE, {"type":"global_avg_pool2d"})},
    {"global_max_pool2d", 9, 0, SPEC(PICTURE, {"type":"global_max_pool2d"},{"type":"dense","units":2})},
    {"flatten", 9, 0, SPEC(PICTURE, {"type":"flatten"},{"type":"dense","units":3})},
    {"reshape", 9, 0, SPEC(PICTURE, {"type":"reshape","target_shape":[7,-1,3]},{"type":"conv2d","filters":2,"kernel_size":2})},
    {"permute", 9, 0, SPEC(PICTURE, {"type":"permute","dims":[3,1,2]},{"type":"dense","units":3})},
    {"dropout", 9, 0, SPEC(IN("5"), {"type":"dense","units":4,"name":"d"},{"type":"dropout","rate":0.3},{"type":"dense","units":2})},
    {"dropout at the end", 9, 0, SPEC(IN("5"), {"type":"dense","units":4,"name":"d"},{"type":"dropout","name":"out"})},
    {"nothing but dropout", 9, 0, SPEC(IN("5"), {"type":"dropout","name":"out"})},
    {"batch_norm", 9, 0, SPEC(IN("6"), {"type":"batch_norm","epsilon":1e-5,"activation":"relu"})},
    {"batch_norm of pictures", 9, 0, SPEC(PICTURE, {"type":"conv2d","filters":4,"kernel_size":1},{"type":"batch_norm"})},
    {"layer_norm", 17, 0, SPEC(IN("4,6"), {"type":"layer_norm"})},
    {"layer_norm of two axes", 17, 0, SPEC(IN("2,4,6"), {"type":"layer_norm","axis":-2,"epsilon":1e-6,"activation":"tanh"})},
    {"frelu", 13, 1, SPEC(PICTURE, {"type":"frelu","kernel_size":[3,2]})},
    {"activity_regularization", 9, 0, SPEC(IN("5"), {"type":"dense","units":4},{"type":"activity_regularization","l1":0.1})},
    {"regularizers", 9, 0, SPEC(IN("5"), {"type":"dense","units":4,"kernel_regularizer":{"l2":0.1},"kernel_initializer":"zeros"})},
    {"add", 9, 0, SPEC(IN("5"), {"type":"dense","units":5,"name":"a"},{"type":"dense","units":5,"name":"b"},
                {"type":"add","inputs":["a","in","b"],"activation":"relu"})},
    {"multiply", 9, 0, SPEC(PICTURE, {"type":"conv2d","filters":3,"kernel_size":1,"name":"a"},
                {"type":"multiply","inputs":["a","in"]})},
    {"concat", 9, 0, SPEC(PICTURE, {"type":"conv2d","filters":2,"kernel_size":1,"name":"a"},
                {"type":"concat","inputs":["a","in","a"],"activation":"sigmoid"})},
    {"concat of widths", 9, 0, SPEC(PICTURE, {"type":"concat","inputs":["in","in"],"axis":-1})},
    {"zero_pad2d", 9, 0, SPEC(PICTURE, {"type":"zero_pad2d","padding":[1,2,0,3]})},
    {"zero_pad2d with inputs", 13, 0, SPEC(PICTURE, {"type":"zero_pad2d","padding":1},{"type":"activation","activation":"softmax"})},
    {"upsample2d", 13, 0, SPEC(PICTURE, {"type":"upsample2d","size":[2,3]},{"type":"conv2d","filters":2,"kernel_size":3})},
    {"one scale", 9, 0, "{\"inputs\":[{\"name\":\"in\",\"shape\":[3,4,5],\"scale\":0.25,\"mean\":0.5,\"std\":2}],"
                LAYERS({"type":"conv2d","filters":2,"kernel_size":2}) "}"},
    {"a scale per channel", 9, 0, "{\"inputs\":[{\"name\":\"in\",\"shape\":[3,4,5],\"mean\":[0.5,0.25,1],\"std\":[2,3,0.5]}],"
                LAYERS({"type":"conv2d","filters":2,"kernel_size":2}) "}"},
    {"a scale per feature", 9, 0, "{\"inputs\":[{\"name\":\"in\",\"shape\":[3],\"std\":[2,3,0.5]}],"
                LAYERS({"type":"dense","units":2}) "}"},
    {"a mean alone", 9, 0, "{\"inputs\":[{\"name\":\"in\",\"shape\":[3,2],\"mean\":[2,3,0.5]}],"
                LAYERS({"type":"dense","units":2}) "}"},
    {"two in, three out", 13, 0, 
                "{\"inputs\":[{\"name\":\"left\",\"shape\":[3]},{\"name\":\"right\",\"shape\":[2],\"scale\":0.01}],"
                LAYERS({"type":"concat","inputs":["left","right"],"name":"both"},
                       {"type":"dense","units":6,"activation":"tanh","name":"wide"},
                       {"type":"dropout","name":"same"},
                       {"type":"dense","units":2,"activation":"softmax","name":"classes"})
                ",\"outputs\":[\"wide\",\"same\",\"classes\"]}"},
    {"old and new operators", 24, 1, SPEC(PICTURE, {"type":"conv2d","filters":4,"kernel_size":2,"activation":"silu"},
                {"type":"activation","activation":{"name":"maxout","pieces":2}},
                {"type":"activation","activation":"glu"},
                {"type":"zero_pad2d","padding":1},{"type":"upsample2d"},
                {"type":"activation","activation":"sparsemax","axis":-1})},
    {"a tensor called as numbers are", 13, 1, SPEC(IN("4"),
                {"type":"activation","activation":{"formula":"x*c + t","params":{"c":1.5,"t":0.25},"learnable":["c","t"]},"name":"c"},
                {"type":"activation","activation":"softsign","name":"t"})},
};
// clang-format on
enum { ONNX_SPECS = sizeof onnx_specs / sizeof *onnx_specs };

/* ---- nets ---- */

static double onnx_spec_uniform(uint64_t stream, int64_t i)
{
    return ax_rng_uniform((ax_rng){77, stream}, (uint64_t)i);
}

/* Numbers that each parameter may have: variances are positive, scales are near 1, what an activation
 * learns stays near what it starts from. */
static void onnx_spec_fill(ax_net *n)
{
    for (int i = 0; i < n->n_inits; i++) {
        const ax_init *init = &n->inits[i];
        ax_value *v = &n->graph.val[init->param];
        const char *suffix = strrchr(v->name, '/') + 1;
        int64_t count = ax_shape_count(&v->desc.shape);
        float *p = v->data = AX_ARRAY(&n->graph.arena, float, count);
        for (int64_t k = 0; k < count; k++) {
            double u = onnx_spec_uniform((uint64_t)i, k);
            p[k] = (float)(!strcmp(suffix, "moving_variance") || !strcmp(suffix, "gamma") ? u + 0.5
                           : init->value != 0 ? init->value * (1 + (u - 0.5) / 8)
                                              : 2 * u - 1);
        }
    }
}

/* 0: there is such a net, with numbers. */
static int onnx_spec_net(ax_net *n, const char *spec, ax_err *err)
{
    cJSON *json = cJSON_Parse(spec);
    int bad = json ? ax_net_build(n, json, NULL, 1, err) : ax_fail(err, AX_EPARSE, "no JSON");
    cJSON_Delete(json);
    if (!bad)
        onnx_spec_fill(n);
    return bad;
}

/* ---- activations: a spec for each row of the catalogue and each way it can be used ---- */

enum { ONNX_ACT_FORMS = 5 };

/* Form 0: as it is, 1: on pictures, 2: along another axis, 3: every parameter learned that can be,
 * 4: with parameters of other values. 0: there is none of this form. */
static int onnx_act_spec(const ax_act_row *row, int form, char *to, size_t size)
{
    int vector = row->kind == AX_ACT_VECTOR, n = 0;
    char act[700];
    size_t at = (size_t)snprintf(act, sizeof act, "{\"name\":\"%s\"", row->name);
    if ((form == 2 && !vector) || (form >= 3 && vector && form == 3))
        return 0;
    for (int i = 0; i < AX_ACT_PARAMS && row->params[i].name; i++) {
        const ax_act_param *p = &row->params[i];
        double v = row->whole >> i & 1 ? p->def : p->def * 1.25;
        if (form == 3 && p->learnable)
            at += (size_t)snprintf(act + at, sizeof act - at, "%s\"%s\"", n++ ? "," : ",\"learnable\":[", p->name);
        if (form == 4 && v != p->def && v >= p->min && v <= p->max) {
            at += (size_t)snprintf(act + at, sizeof act - at, ",\"%s\":%.17g", p->name, v);
            n++;
        }
    }
    if (form >= 3 && !n)
        return 0;
    snprintf(act + at, sizeof act - at, "%s}", form == 3 ? "]" : "");
    snprintf(to, size, "{\"name\":\"m\",\"inputs\":[{\"name\":\"in\",\"shape\":[%s]}],\"layers\":["
             "{\"type\":\"activation\",\"activation\":%s,\"name\":\"act\"%s}]}",
             form == 1 || form == 2 ? "6,5,4" : "12", act, form == 2 ? ",\"axis\":-1" : "");
    return 1;
}

#endif
