/* Memory that cannot be had: every single allocation of opening, writing, running and training is
 * made to fail in its turn. What must come out is an error with a message, nothing left behind, and
 * no file that looks whole and is not.
 *
 * The linker sends the engine's allocations through the functions here (see the Makefile); cJSON is
 * told to use them. */
#include "base/memory.h"
#include "train_util.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
void __wrap_free(void *p);

static int64_t asked, live; /* allocations since the count began, and those not freed */
static int64_t fail_at = -1, fail_to = -1;

/* The allocation whose turn it is may succeed. */
static int may(void)
{
    int64_t n = asked++;
    return n < fail_at || n >= fail_to;
}

static void *counted(void *p)
{
    live += p != NULL;
    return p;
}

void *__wrap_malloc(size_t n)
{
    return may() ? counted(__real_malloc(n)) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
    return may() ? counted(__real_calloc(n, size)) : NULL;
}

void *__wrap_realloc(void *p, size_t n)
{
    if (!may())
        return NULL;
    void *q = __real_realloc(p, n);
    live += q && !p;
    return q;
}

void *__wrap_aligned_alloc(size_t align, size_t n)
{
    return may() ? counted(__real_aligned_alloc(align, n)) : NULL;
}

char *__wrap_strdup(const char *s)
{
    return may() ? counted(__real_strdup(s)) : NULL;
}

char *__wrap_strndup(const char *s, size_t n)
{
    return may() ? counted(__real_strndup(s, n)) : NULL;
}

void __wrap_free(void *p)
{
    live -= p != NULL;
    __real_free(p);
}

/* ---- what is done over and over
 * ------------------------------------------------------------------ */

static char model_path[256], out_path[256], table_path[256], spec[16384];

static int open_and_run(ax_err *err)
{
    ax_model *m = ax_model_open(model_path, err);
    ax_session *s = m ? ax_session_open(m, &(ax_session_options){0}, err) : NULL;
    int bad = !s || ax_session_resize(s, 3, err) || ax_session_resize(s, 1, err);
    if (!bad)
        ax_session_run(s, NULL);
    ax_session_close(s);
    ax_model_release(m);
    return bad;
}

static int open_layer(ax_err *err)
{
    static const char *const wanted[] = {"conv2d_1"}, *const unknown[] = {"conv2d_7"};
    ax_model *m = ax_model_open(model_path, err);
    ax_session *s =
        m ? ax_session_open(m, &(ax_session_options){.outputs = wanted, .n_outputs = 1}, err)
          : NULL;
    ax_session *t =
        s ? ax_session_open(m, &(ax_session_options){.outputs = unknown, .n_outputs = 1}, NULL)
          : NULL;
    assert_null(t);
    int bad = !s;
    ax_session_close(s);
    ax_model_release(m);
    return bad;
}

static int diagnose(ax_err *err)
{
    ax_health h;
    ax_model *m = ax_model_open(model_path, err);
    int bad = !m || ax_diagnose(m, &(ax_diagnose_options){.samples = 3}, &h, err);
    if (!bad) {
        cJSON *json = ax_health_json(&h);
        if (!json)
            bad = ax_fail(err, AX_ENOMEM, "no memory for the JSON");
        cJSON_Delete(json);
        ax_health_free(&h);
    }
    ax_model_release(m);
    return bad;
}

static int train(ax_err *err)
{
    ax_train_result r;
    char dir[256];
    snprintf(dir, sizeof dir, "%s/checkpoint", folder);
    ax_train_options o = options_of(spec);
    o.out = out_path;
    o.checkpoint_dir = dir;
    o.resume = 1;
    return ax_train(&o, &r, err);
}

static int check_table(ax_err *err)
{
    char text[1024];
    snprintf(
        text, sizeof text,
        "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":\"dense\","
        "\"units\":3,\"activation\":\"softmax\"}],\"labels\":[\"c\",\"b\",\"a\"]},"
        "\"dataset\":{\"csv\":\"%s\"}}",
        table_path);
    ax_train_options o = options_of(text);
    return ax_train_check(&o, err);
}

static int write_onnx(ax_err *err)
{
    static const char *const names[] = {"prelu", "probit", "swiglu_oai", "entmax15"};
    int bad = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names && !bad; i++) {
        ax_act a;
        ax_pb b = {0};
        bad = ax_act_by_name(names[i], &a, err) < 0 ||
              ax_act_write_onnx(&a, AX_ONNX_NAMED, &b, err) < 0;
        ax_pb_free(&b);
    }
    return bad;
}

/* ---- with every allocation failing --------------------------------------------------------------
 */

/* Run with allocations [at, to) failing: 0 when it went well all the same. */
static int with_failure(int (*what)(ax_err *err), int64_t at, int64_t to)
{
    ax_err err = {0};
    int64_t before = live;
    asked = 0, fail_at = at, fail_to = to;
    int bad = what(&err);
    fail_at = fail_to = -1;
    if (bad && (err.code == AX_OK || !*err.msg))
        fail_msg("allocation %lld: an error without a message", (long long)at);
    if (live != before)
        fail_msg("allocation %lld: %lld pieces of memory are left behind; %s", (long long)at,
                 (long long)(live - before), bad ? err.msg : "it went well");
    return bad;
}

/* Each allocation alone, and all from each one on. `more` looks at what a run left. */
static void with_every_failure(int (*what)(ax_err *err), void (*more)(int bad))
{
    enum { MOST = 3000 };
    assert_int_equal(with_failure(what, -1, -1), 0);
    int64_t n = asked, step = n / MOST + 1, refused = 0;
    if (more)
        more(0);
    for (int64_t at = 0; at < n; at += step) {
        int bad = with_failure(what, at, at + 1);
        if (more)
            more(bad);
        refused += bad != 0;
        bad = with_failure(what, at, INT64_MAX);
        if (more)
            more(bad);
        refused += bad != 0;
    }
    assert_true(n > 10 && refused > n / step / 2);
}

static void test_open(void **state)
{
    (void)state;
    with_every_failure(open_and_run, NULL);
    with_every_failure(open_layer, NULL);
}

static void test_diagnose(void **state)
{
    (void)state;
    with_every_failure(diagnose, NULL);
}

/* Whatever happens, a model file that is there can be opened. */
static void check_output(int bad)
{
    if (!bad || !access(out_path, F_OK))
        ax_model_release(must_open(out_path));
    remove(out_path);
    char path[256];
    snprintf(path, sizeof path, "%s/checkpoint/checkpoint.safetensors", folder);
    remove(path);
}

static void test_train(void **state)
{
    (void)state;
    strcpy(spec, small_spec(
                     ",\"epochs\":1,\"validation_split\":0.2,\"batch_size\":20,\"gradient_clip\":1,"
                     "\"early_stopping\":{\"patience\":2}"));
    with_every_failure(train, check_output);
}

/* Allocations when the first step was told, and when the last epoch was. */
static int64_t at_first, at_last;

static int note_asked(void *ctx, const ax_train_progress *p)
{
    (void)ctx;
    if (p->step == 1)
        at_first = asked;
    if (p->epoch_done && p->epoch == p->epochs)
        at_last = asked;
    return 0;
}

/* From the first step to the last nothing is allocated: batches of both sizes, clipping,
 * validation, the best weights. */
static void test_steps_do_not_allocate(void **state)
{
    (void)state;
    const char *specs[] = {
        busy_spec(5),
        small_spec(",\"epochs\":4,\"validation_split\":0.2,\"batch_size\":5,\"gradient_clip\":0.1,"
                   "\"optimizer\":\"sgd\"")};
    for (int i = 0; i < 2; i++)
        for (int threads = 1; threads <= 3; threads += 2) {
            ax_train_options o = options_of(specs[i]);
            o.threads = threads;
            o.progress = note_asked;
            at_first = at_last = -1;
            must_train(&o);
            assert_true(at_first > 0);
            assert_int_equal(at_last, at_first);
        }
}

/* In place of the machine's. */
static int64_t budget = INT64_MAX;

int64_t ax_memory_budget(void)
{
    return budget;
}

/* Of bytes that become floats by the batch, two batches may be too much where all else has room. */
static void test_batches_are_bounded(void **state)
{
    enum { N = 64, WIDTH = 8000 };
    static uint8_t x[N][WIDTH];
    static int32_t y[N];
    static const struct {
        int64_t budget;
        int batch, bad;
    } rows[] = {{5 << 20, N, 0}, {3 << 20, N, 1}, {3 << 20, N / 2, 0}};
    char text[1024];
    (void)state;
    ax_st_item items[] = {{"x", {AX_U8, AX_SHAPE(N, WIDTH), x}}, {"y", {AX_I32, AX_SHAPE(N), y}}};
    assert_int_equal(ax_safetensors_write(in_folder("wide.data"), items, 2, NULL, 0, NULL), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ax_err err = {0};
        snprintf(text, sizeof text,
                 "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[%d]}],\"layers\":[{\"type\":"
                 "\"dense\",\"units\":1}]},\"dataset\":{\"safetensors\":\"%s\"},\"batch_size\":%d}",
                 WIDTH, in_folder("wide.data"), rows[i].batch);
        ax_train_options o = options_of(text);
        budget = rows[i].budget;
        int bad = ax_train_check(&o, &err);
        budget = INT64_MAX;
        assert_int_equal(bad, -rows[i].bad);
        if (bad) {
            assert_int_equal(err.code, AX_ELIMIT);
            assert_string_equal(err.at, "batch_size");
            assert_non_null(
                strstr(err.msg, "two batches of 64 samples need 3 MiB of memory, the limit is 3"));
        }
    }
}

static void test_table(void **state)
{
    (void)state;
    write_text("table.csv", "u,v,kind\n1,2,a\n3,4,b\n5,6,c\n");
    strcpy(table_path, in_folder("table.csv"));
    with_every_failure(check_table, NULL);
}

static void test_onnx(void **state)
{
    (void)state;
    assert_int_equal(write_onnx(NULL), 0); /* the rules of formulas are read once and stay */
    with_every_failure(write_onnx, NULL);
}

static int setup(void **state)
{
    cJSON_InitHooks(&(cJSON_Hooks){__wrap_malloc, __wrap_free});
    if (folder_make(state))
        return -1;
    ax_train_options o = options_of(busy_spec(5));
    strcpy(model_path, in_folder("model.safetensors"));
    strcpy(out_path, in_folder("out.safetensors"));
    o.out = model_path;
    must_train(&o);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_diagnose),
        cmocka_unit_test(test_train),
        cmocka_unit_test(test_steps_do_not_allocate),
        cmocka_unit_test(test_batches_are_bounded),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_onnx),
    };
    return cmocka_run_group_tests(tests, setup, folder_remove);
}
