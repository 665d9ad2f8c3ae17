/* train_util.h - what the tests of training share: a folder of their own, specs from pieces, and
 * running one without ceremony. */
#ifndef TRAIN_UTIL_H
#define TRAIN_UTIL_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
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
    return (ax_train_options){.spec = spec, .spec_len = strlen(spec), .threads = 1, .allow_paths = 1};
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

#endif
