/* The memory of a file of ONNX with large weights: within a bound of the file and what its plan
 * needs, also while it is opened; and what was given back comes back, or is an error. */
#include "io_check.h"

#include <pthread.h>

#include "axon.h"
#include "model.h"
#include "onnx_models.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

enum { C = 16, K = 1024, N = 256 };

static float number(int64_t i)
{
    return (float)((uint32_t)(i * 2654435761u) >> 8) / (1 << 24) - .5f;
}

static void weights(file *f, const char *name, const ax_shape *s, float scale)
{
    int64_t n = ax_shape_count(s);
    float *w = malloc((size_t)n * sizeof *w);
    for (int64_t i = 0; i < n; i++)
        w[i] = scale * number(i + n);
    floats(f, name, s, w);
    free(w);
}

/* Two convolutions, one of them folded with a batch-norm; dense layers, one of which has its
 * weights packed, while another has them turned on import; one as large as to be run as it lies. */
static void put_network(file *f)
{
    begin(f, 13);
    PORT(f, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, "1", "16", "height", "width");
    PORT(f, AX_ONNX_OUTPUT, "y", AX_ONNX_FLOAT, "1", "4200");
    weights(f, "w1", &AX_SHAPE(K / 2, C, 3, 3), .1f);
    weights(f, "w2", &AX_SHAPE(K, K / 2, 3, 3), .03f);
    weights(f, "bn", &AX_SHAPE(K), 1);
    weights(f, "w3", &AX_SHAPE(N, K), .05f);
    weights(f, "w4", &AX_SHAPE(N, N), .1f);
    weights(f, "w5", &AX_SHAPE(K, N), .1f);
    weights(f, "w6", &AX_SHAPE(4200, K), .1f);
    NODE(f, "Conv", "a", "x", "w1");
    NODE(f, "Relu", "b", "a");
    NODE(f, "Conv", "c", "b", "w2");
    NODE(f, "Mul", "bn2", "bn", "bn");
    NODE(f, "BatchNormalization", "d", "c", "bn", "bn", "bn", "bn2");
    NODE(f, "GlobalAveragePool", "e", "d");
    NODE(f, "Flatten", "g", "e");
    NODE(f, "Gemm", "h", "g", "w3");
    ax_onnx_put_int(&f->o, "transB", 1);
    NODE(f, "Gemm", "i", "h", "w4");
    ax_onnx_put_int(&f->o, "transB", 1);
    NODE(f, "Gemm", "j", "i", "w4");
    NODE(f, "Gemm", "k", "j", "w5");
    ax_onnx_put_int(&f->o, "transB", 1);
    NODE(f, "Gemm", "y", "k", "w6");
    ax_onnx_put_int(&f->o, "transB", 1);
}

static void write_network(char *path, size_t room)
{
    file f;
    put_network(&f);
    temp_path(path, room, ".onnx");
    finish_file(&f, path);
}

static ax_model *open_model(const char *path)
{
    ax_err err = {0};
    ax_model *m = ax_model_open(path, &err);
    if (!m)
        fail_msg("%s", err.msg);
    return m;
}

/* Ready for a picture of size x size, or NULL. */
static ax_session *session(ax_model *m, int64_t size, ax_err *err)
{
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, err);
    if (!ax_session_shape(s, 0, &AX_SHAPE(1, C, size, size), err) && !ax_session_ready(s, err))
        return s;
    ax_session_close(s);
    return NULL;
}

static const float *run(ax_session *s, int64_t size)
{
    float *x = ax_session_input(s, 0);
    for (int64_t i = 0; i < C * size * size; i++)
        x[i] = number(7 * i);
    assert_int_equal(ax_session_run(s, NULL), 0);
    return ax_session_output(s, 0);
}

/* What a model gives that was opened for this size alone. */
static float *expected(const char *path, int64_t size)
{
    ax_model *m = open_model(path);
    ax_session *s = session(m, size, NULL);
    float *y = malloc(4200 * sizeof *y);
    memcpy(y, run(s, size), 4200 * sizeof *y);
    ax_session_close(s);
    ax_model_release(m);
    return y;
}

#ifndef SANITIZED
/* "VmRSS" or "VmHWM", in bytes */
static int64_t resident(const char *what)
{
    char line[256];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, what, strlen(what)))
            kb = strtol(line + strlen(what) + 1, NULL, 10);
    fclose(f);
    return (int64_t)kb << 10;
}
#endif

/* 1.3 of the file and what is alive at once; by the counters, and as the system sees it. */
static void keeps_the_bound(void **state)
{
    (void)state;
    char path[256];
    write_network(path, sizeof path);
#ifndef SANITIZED
    int64_t before = resident("VmRSS");
    FILE *f = fopen("/proc/self/clear_refs", "w"); /* 5: the peak is counted from here on */
    int counts = f && fputs("5", f) >= 0;
    counts = f && !fclose(f) && counts;
#endif
    ax_model *m = open_model(path);
    ax_session *s = session(m, 6, NULL);
    run(s, 6);
    ax_memory_use use;
    ax_session_memory(s, &use);
    int64_t size = ax_model_get_info(m)->file_bytes;
    assert_true(use.alive > 0 && use.alive <= use.working);
    assert_true(use.working == ax_session_bytes(s));
    assert_true(use.packed > 20 << 20 && use.file < size - (20 << 20));
    double bound = 1.3 * (double)(size + use.alive);
    assert_true((double)(use.file + use.packed + use.working) < bound);
#ifndef SANITIZED
    assert_true((double)(resident("VmRSS") - before) < bound);
    if (counts)
        assert_true((double)(resident("VmHWM") - before) < bound);
#endif
    ax_session_close(s);
    ax_model_release(m);
    unlink(path);
}

static void other_shapes_give_the_same_numbers(void **state)
{
    (void)state;
    char path[256];
    write_network(path, sizeof path);
    float *want5 = expected(path, 5), *want6 = expected(path, 6);
    ax_model *m = open_model(path);
    ax_session *five = session(m, 5, NULL), *six = session(m, 6, NULL);
    assert_memory_equal(run(six, 6), want6, 4200 * sizeof *want6);
    assert_memory_equal(run(five, 5), want5, 4200 * sizeof *want5);
    ax_session_close(five);
    ax_session_close(six); /* now nobody reads the weights that are run as they lie */
    six = session(m, 6, NULL);
    assert_memory_equal(run(six, 6), want6, 4200 * sizeof *want6);
    ax_session_close(six);
    /* the activations are looked at in a plan of its own, which packs without what was fused */
    ax_health h;
    ax_err err;
    int bad = ax_diagnose(m, &(ax_diagnose_options){.samples = 1, .seed = 1}, &h, &err);
    if (bad)
        fail_msg("%s", err.msg);
    ax_health_free(&h);
    ax_model_release(m);
    unlink(path);
    free(want5);
    free(want6);
}

/* Where the numbers of an initializer begin: those that number() gives it. */
static long find_weights(const char *path, int64_t n, float scale)
{
    size_t size;
    float first[3];
    char *data = ax_file_read(path, (size_t)1 << 30, &size, NULL);
    for (int i = 0; i < 3; i++)
        first[i] = scale * number(i + n);
    char *at = memmem(data, size, first, sizeof first);
    assert_non_null(at);
    long offset = (long)(at - data);
    free(data);
    return offset;
}

static void flip(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    fseek(f, at, SEEK_SET);
    int c = fgetc(f);
    fseek(f, at, SEEK_SET);
    fputc(c ^ 1, f);
    fclose(f);
}

/* w4 is turned at every import; the numbers of w2 nobody wants again. */
static void a_changed_file_is_an_error(void **state)
{
    (void)state;
    char path[256];
    ax_err err;
    write_network(path, sizeof path);
    long fourth = find_weights(path, N * N, .1f) + N * N * 2;
    long second = find_weights(path, (int64_t)K * (K / 2) * 9, .03f) + (1 << 20);
    float *want5 = expected(path, 5), *want6 = expected(path, 6);
    ax_model *m = open_model(path);
    ax_session *five = session(m, 5, NULL);
    assert_memory_equal(run(five, 5), want5, 4200 * sizeof *want5);
    flip(path, second);
    flip(path, fourth);
    assert_null(session(m, 6, &err));
    check_error("changed", &err, AX_EIO, "was changed while it was in use");
    flip(path, fourth);
    ax_session *six = session(m, 6, &err);
    assert_non_null(six);
    assert_memory_equal(run(six, 6), want6, 4200 * sizeof *want6);
    assert_memory_equal(run(five, 5), want5, 4200 * sizeof *want5);
    ax_session_close(five);
    ax_session_close(six);
    ax_model_release(m);
    unlink(path);
    free(want5);
    free(want6);
}

/* As a model of ours, and back at the numbers: all weights are wanted that sessions had no use for.
 */
static void conversion(void **state)
{
    (void)state;
    char path[256], ours[256];
    ax_err err;
    file f;
    begin(&f, 13);
    PORT(&f, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, "batch", "400");
    PORT(&f, AX_ONNX_OUTPUT, "y", AX_ONNX_FLOAT, "batch", "200");
    weights(&f, "w1", &AX_SHAPE(300, 400), .1f);
    weights(&f, "w2", &AX_SHAPE(200, 300), .1f);
    NODE(&f, "Gemm", "a", "x", "w1");
    ax_onnx_put_int(&f.o, "transB", 1);
    NODE(&f, "Relu", "b", "a");
    NODE(&f, "Gemm", "y", "b", "w2");
    ax_onnx_put_int(&f.o, "transB", 1);
    temp_path(path, sizeof path, ".onnx");
    temp_path(ours, sizeof ours, ".safetensors");
    finish_file(&f, path);
    ax_model *m = open_model(path), *other = NULL;
    for (int i = 0; i < 2; i++) {
        ax_model *of = i ? other : m;
        ax_session *s = ax_session_open(of, &(ax_session_options){0}, NULL);
        assert_int_equal(ax_session_resize(s, 1, NULL), 0);
        for (int k = 0; k < 400; k++)
            ((float *)ax_session_input(s, 0))[k] = number(k);
        assert_int_equal(ax_session_run(s, NULL), 0);
        static float y[200];
        if (i)
            assert_memory_equal(ax_session_output(s, 0), y, sizeof y);
        memcpy(y, ax_session_output(s, 0), sizeof y);
        ax_memory_use use;
        ax_session_memory(s, &use);
        assert_true(i || use.file < 100 * 1000);
        ax_session_close(s);
        if (!i && ax_model_write_spec(m, ours, &err))
            fail_msg("%s", err.msg);
        if (!i)
            other = open_model(ours);
    }
    ax_model_release(other);
    ax_model_release(m);
    unlink(ours);
    unlink(path);
}

typedef struct opener {
    ax_model *m;
    int64_t size;
    const float *want;
    int bad;
} opener;

static void *open_and_run(void *p)
{
    opener *o = p;
    for (int i = 0; i < 2 && !o->bad; i++) {
        ax_err err;
        ax_session *s = session(o->m, o->size, &err);
        o->bad = !s || memcmp(run(s, o->size), o->want, 4200 * sizeof *o->want) != 0;
        ax_session_close(s);
    }
    return NULL;
}

static void threads_open_sessions(void **state)
{
    (void)state;
    char path[256];
    pthread_t t[2];
    write_network(path, sizeof path);
    float *want5 = expected(path, 5), *want6 = expected(path, 6);
    ax_model *m = open_model(path);
    opener o[2] = {{m, 5, want5, 0}, {m, 6, want6, 0}};
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&t[i], NULL, open_and_run, &o[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    assert_false(o[0].bad || o[1].bad);
    ax_model_release(m);
    unlink(path);
    free(want5);
    free(want6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_bound),
        cmocka_unit_test(other_shapes_give_the_same_numbers),
        cmocka_unit_test(a_changed_file_is_an_error),
        cmocka_unit_test(conversion),
        cmocka_unit_test(threads_open_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
