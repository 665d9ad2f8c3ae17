/* train_util.h - what the tests of training share: a folder of their own, specs from pieces, and
 * running one without ceremony. */
#ifndef TRAIN_UTIL_H
#define TRAIN_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "train/trainer.h"

static char folder[64];

static inline int folder_make(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/axond-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static inline int folder_remove(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* A path inside the folder, in one of four buffers that take turns. */
static inline const char *in_folder(const char *name)
{
    static char path[4][256];
    static int at;
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/%s", folder, name);
    return path[at];
}

static inline void write_file(const char *name, const void *data, size_t size)
{
    FILE *f = fopen(in_folder(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, size, f), size);
    fclose(f);
}

static inline void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

/* The whole of a file; the caller frees. */
static inline char *read_file(const char *path, size_t *size)
{
    ax_err err;
    char *p = ax_file_read(path, 1 << 26, size, &err);
    if (!p)
        fail_msg("%s", err.msg);
    return p;
}

static inline int same_files(const char *a, const char *b)
{
    size_t na, nb;
    char *x = read_file(a, &na), *y = read_file(b, &nb);
    int same = na == nb && !memcmp(x, y, na);
    free(x);
    free(y);
    return same;
}

static inline uint32_t noise(uint64_t i)
{
    i = (i + 1) * 0x9E3779B97F4A7C15u;
    i = (i ^ (i >> 30)) * 0xBF58476D1CE4E5B9u;
    i = (i ^ (i >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)(i >> 32);
}

static inline ax_train_options options_of(const char *spec)
{
    return (ax_train_options){
        .spec = spec, .spec_len = strlen(spec), .threads = 1, .allow_paths = 1};
}

static inline ax_train_result must_train(const ax_train_options *o)
{
    ax_train_result r;
    ax_err err = {0};
    if (ax_train(o, &r, &err))
        fail_msg("%s at '%s' of %.200s", err.msg, err.at, o->spec);
    return r;
}

static inline ax_model *must_open(const char *path)
{
    ax_err err = {0};
    ax_model *m = ax_model_open(path, &err);
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

/* The numbers of a parameter of an open model. */
static inline const float *param_of(const ax_model *m, const char *name, int64_t *n)
{
    ax_val v = ax_graph_find(&m->net.graph, name);
    assert_true(v >= 0);
    *n = ax_shape_count(&m->net.graph.val[v].desc.shape);
    return m->net.graph.val[v].data;
}

static inline int same_param(const ax_model *a, const ax_model *b, const char *name)
{
    int64_t n, m;
    const float *x = param_of(a, name, &n), *y = param_of(b, name, &m);
    return n == m && !memcmp(x, y, (size_t)n * sizeof *x);
}

/* ---- learning ----------------------------------------------------------------------------------
 */

static inline const float *predict(ax_session *s, const float *x, int64_t batch, int64_t width)
{
    assert_int_equal(ax_session_resize(s, batch, NULL), 0);
    memcpy(ax_session_input(s, 0), x, (size_t)(batch * width) * sizeof *x);
    ax_session_run(s, NULL);
    return ax_session_output(s, 0);
}

/* Pictures with everything that is random or has a state: dropout, noise, batch-norm, augmentation,
 * shuffling, slots, plateau, best weights. 7 steps an epoch, the last one smaller. */
static inline const char *busy_spec(int seed)
{
    static char spec[4096];
    float x[52][2][6][5];
    int32_t y[52];
    for (int i = 0; i < 52; i++) {
        y[i] = i % 3;
        for (int k = 0; k < 60; k++)
            (&x[i][0][0][0])[k] =
                (float)(noise((uint64_t)(i * 60 + k)) / 4294967296.0 + (k / 20 == y[i]));
    }
    ax_st_item items[] = {{"x", {AX_F32, AX_SHAPE(52, 2, 6, 5), x}},
                          {"y", {AX_I32, AX_SHAPE(52), y}},
                          {"x_test", {AX_F32, AX_SHAPE(10, 2, 6, 5), x}},
                          {"y_test", {AX_I32, AX_SHAPE(10), y}}};
    assert_int_equal(ax_safetensors_write(in_folder("busy.data"), items, 4, NULL, 0, NULL), 0);
    snprintf(
        spec, sizeof spec,
        "{\"model\":{\"name\":\"busy\",\"inputs\":[{\"name\":\"x\",\"shape\":[2,6,5]}],\"layers\":["
        "{\"type\":\"conv2d\",\"filters\":5,\"kernel_size\":3,\"padding\":\"same\",\"use_bias\":"
        "false},{\"type\":\"batch_norm\",\"activation\":\"relu\"},"
        "{\"type\":\"depthwise_conv2d\",\"kernel_size\":3,\"activation\":\"silu\"},{\"type\":"
        "\"flatten\"},{\"type\":\"dropout\",\"rate\":0.3},"
        "{\"type\":\"dense\",\"units\":20,\"activation\":\"prelu\",\"kernel_regularizer\":{\"l2\":"
        "1e-3},\"activity_regularizer\":{\"l1\":1e-3}},"
        "{\"type\":\"dense\",\"units\":8,\"name\":\"choice\",\"activation\":\"gumbel_softmax\"},"
        "{\"type\":\"dense\",\"units\":3,\"activation\":\"softmax\"}]},\"dataset\":{"
        "\"safetensors\":\"%s\"},\"validation_split\":0.2,\"batch_size\":6,"
        "\"epochs\":3,\"seed\":%d,\"augment\":{\"flip\":true,\"shift\":1},\"optimizer\":{\"name\":"
        "\"adam\",\"learning_rate\":0.01},"
        "\"schedule\":{\"name\":\"plateau\",\"every\":1},\"early_stopping\":{\"patience\":3},"
        "\"gradient_clip\":1}",
        in_folder("busy.data"), seed);
    return spec;
}

/* A net of three dense layers and a batch-norm on 40 samples of two noisy classes. */
static inline const char *small_spec(const char *more)
{
    static char spec[16384];
    char *p = spec;
    p += sprintf(p, "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[3]}],\"layers\":[{\"type\":"
                    "\"dense\",\"units\":6,\"name\":\"a\"},"
                    "{\"type\":\"batch_norm\",\"name\":\"n\",\"activation\":\"tanh\"},{\"type\":"
                    "\"dense\",\"units\":5,\"name\":\"b\",\"activation\":\"relu\"},"
                    "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\",\"name\":\"c\"}]},"
                    "\"dataset\":{\"x\":[");
    for (int i = 0; i < 40; i++)
        p += sprintf(p, "%s[%.4f,%.4f,%.4f]", i ? "," : "", noise((uint64_t)i) / 4294967296.0,
                     noise((uint64_t)i + 50) / 4294967296.0 + i % 2 * 0.3,
                     noise((uint64_t)i + 100) / 4294967296.0);
    p += sprintf(p, "],\"y\":[");
    for (int i = 0; i < 40; i++)
        p += sprintf(p, "%s%d", i ? "," : "", i % 2);
    sprintf(p, "]}%s}", more);
    return spec;
}

/* ---- what can be asked of a training ------------------------------------------------------------
 */

static inline ax_model *train_small(const char *more, const char *out)
{
    ax_train_options o = options_of(small_spec(more));
    o.out = in_folder(out);
    must_train(&o);
    return must_open(o.out);
}

#endif
