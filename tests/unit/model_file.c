/* Model files: damage of any bit is noticed, the self-test covers all outputs, files of other tools
 * are welcome and named, and an open model does not mind what becomes of its file. */
#include "train_util.h"

/* ---- a model without training ------------------------------------------------------------------
 */

/* Two inputs of different scale, two outputs, one of them of more numbers than a self-test holds.
 */
static const char two_by_two[] =
    "{\"name\":\"two\",\"inputs\":[{\"name\":\"left\",\"shape\":[3]},"
    "{\"name\":\"right\",\"shape\":[2],\"scale\":0.01}],\"layers\":["
    "{\"type\":\"concat\",\"inputs\":[\"left\",\"right\"],\"name\":\"both\"},"
    "{\"type\":\"dense\",\"units\":40,\"activation\":\"tanh\",\"name\":\"wide\"},"
    "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\",\"name\":\"classes\"}],"
    "\"outputs\":[\"wide\",\"classes\"]}";

/* The net of a spec with numbers in [-1,1). */
static void net_make(ax_net *n, const char *spec)
{
    ax_err err;
    cJSON *json = cJSON_Parse(spec);
    if (ax_net_build(n, json, NULL, 1, &err))
        fail_msg("%s at %s", err.msg, err.at);
    cJSON_Delete(json);
    for (int i = 0; i < n->n_inits; i++) {
        ax_value *v = &n->graph.val[n->inits[i].param];
        int64_t count = ax_shape_count(&v->desc.shape);
        float *p = v->data = AX_ARRAY(&n->graph.arena, float, count);
        for (int64_t k = 0; k < count; k++)
            p[k] = (float)(noise((uint64_t)(i * 1000 + k)) / 2147483648.0 - 1);
    }
}

/* The path holds until the next one is made. */
static const char *model_make(const char *spec, const char *name)
{
    static char path[256];
    ax_net n;
    ax_err err;
    strcpy(path, in_folder(name));
    net_make(&n, spec);
    if (ax_model_write(path, &n, "{\"epochs\":3}", &err))
        fail_msg("%s", err.msg);
    ax_net_fini(&n);
    return path;
}

static void must_refuse(const char *path, ax_code code, const char *why)
{
    ax_err err;
    ax_model *m = ax_model_open(path, &err);
    if (m)
        fail_msg("%s opened; expected: %s", path, why);
    if (err.code != code || !strstr(err.msg, why) || !strstr(err.msg, path))
        fail_msg("%s: got code %d '%s', expected %d '%s'", path, err.code, err.msg, code, why);
}

/* Write the model file `from` again as `name`, where metadata `key` has `value` (NULL: is gone).
 * The hash is worked out anew unless it is the key. */
static const char *change(const char *from, const char *key, const char *value, const char *name)
{
    ax_err err;
    ax_safetensors *f = ax_safetensors_open(from, &err);
    assert_non_null(f);
    ax_st_item items[16];
    ax_st_meta meta[8];
    int n = ax_safetensors_count(f), m = 0;
    for (int i = 0; i < n; i++) {
        items[i].name = ax_safetensors_at(f, i)->name;
        assert_int_equal(ax_safetensors_get(f, items[i].name, &items[i].tensor, &err), 0);
    }
    for (int i = 0; i < ax_safetensors_meta_count(f); i++) {
        meta[m] = *ax_safetensors_meta_at(f, i);
        if (!strcmp(meta[m].key, key))
            meta[m].value = value;
        else if (!strcmp(meta[m].key, AX_ST_HASH))
            meta[m].value = NULL;
        m += strcmp(meta[m].key, key) || value;
    }
    const char *path = in_folder(name);
    if (ax_safetensors_write(path, items, n, meta, m, &err))
        fail_msg("%s", err.msg);
    ax_safetensors_close(f);
    return path;
}

/* ---- damage ------------------------------------------------------------------------------------
 */

/* Flip bit `bit` of the file, which must then be refused with its name; flip it back. */
static void flip(FILE *f, const char *path, int64_t bit)
{
    ax_err err = {0};
    int c[2];
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(fseek(f, (long)(bit / 8), SEEK_SET), 0);
        c[turn] = fgetc(f);
        assert_int_equal(fseek(f, (long)(bit / 8), SEEK_SET), 0);
        assert_int_not_equal(fputc(c[turn] ^ 1 << bit % 8, f), EOF);
        assert_int_equal(fflush(f), 0);
        if (turn == 0 && ax_model_open(path, &err))
            fail_msg("%s opened with bit %lld flipped", path, (long long)bit);
    }
    if (!strstr(err.msg, path) || strlen(err.msg) < strlen(path) + 10)
        fail_msg("bit %lld: '%s' says nothing", (long long)bit, err.msg);
}

/* Every bit of a small file: the length, the header, the spec, the self-test, the hash, the
 * numbers. */
static void test_every_bit(void **state)
{
    (void)state;
    const char *path = model_make("{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{"
                                  "\"type\":\"dense\",\"units\":2,\"activation\":\"relu\"}]}",
                                  "small.safetensors");
    size_t size;
    free(read_file(path, &size));
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    for (int64_t bit = 0; bit < (int64_t)size * 8; bit++)
        flip(f, path, bit);
    fclose(f);
    ax_model_release(must_open(path));
}

/* 200 bits anywhere in each sample model. */
static void test_sample_models(void **state)
{
    static const char *const models[] = {"models/fashion-mlp.safetensors",
                                         "models/fashion-cnn.safetensors"};
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        size_t size;
        char *bytes = read_file(models[i], &size), path[256];
        strcpy(path, in_folder("sample.safetensors"));
        write_file("sample.safetensors", bytes, size);
        free(bytes);
        FILE *f = fopen(path, "r+b");
        assert_non_null(f);
        for (uint64_t k = 0; k < 200; k++)
            flip(f, path,
                 (int64_t)(((uint64_t)noise(2 * k) << 32 | noise(2 * k + 1)) % (size * 8)));
        fclose(f);
        ax_model *m = must_open(path);
        assert_string_equal(ax_model_get_info(m)->self_test, "passed");
        ax_model_release(m);
    }
}

/* ---- files of other tools ----------------------------------------------------------------------
 */

static void test_other_tools(void **state)
{
    (void)state;
    const char *path = model_make(two_by_two, "whole.safetensors");
    must_refuse(change(path, AX_ST_HASH, NULL, "a"), AX_ECORRUPT,
                "axond.hash is not in its metadata");
    must_refuse(change(path, "axond.selftest", NULL, "a"), AX_ECORRUPT,
                "axond.selftest is not in its");
    must_refuse(change(path, AX_ST_HASH, "0123456789abcdef", "a"), AX_ECORRUPT,
                "when it was written it was '0123456789abcdef'");
    must_refuse(change(path, "axond.spec", NULL, "a"), AX_ECORRUPT, "there is no axond.spec");
    static const char *const trainings[] = {"[]", "3", "{", "", "{\"a\":1},\"b\":{}"};
    for (size_t i = 0; i < sizeof trainings / sizeof *trainings; i++)
        must_refuse(change(path, "axond.training", trainings[i], "a"), AX_ECORRUPT,
                    "axond.training");
    static const struct {
        const char *without[3], *self_test;
    } kept[] = {
        {{"axond.version", "axond.selftest", AX_ST_HASH}, "none"},
        {{"axond.version", "axond.selftest"}, "none"},
        {{"axond.version", AX_ST_HASH}, "passed"},
        {{"axond.version"}, "passed"},
    };
    char hash[4][24];
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const char *at = path;
        char name[] = "0";
        for (int k = 0; k < 3 && kept[i].without[k]; k++, name[0]++)
            at = change(at, kept[i].without[k], NULL, name);
        ax_model *m = must_open(at);
        assert_string_equal(ax_model_get_info(m)->self_test, kept[i].self_test);
        strcpy(hash[i], ax_model_get_info(m)->hash);
        ax_model_release(m);
    }
    assert_string_equal(hash[0], hash[1]); /* worked out, and read */
    assert_string_equal(hash[2], hash[3]);
    assert_string_not_equal(hash[0], hash[2]);
}

/* Another tool that keeps everything may order it as it likes, and add keys of its own. */
static void test_other_order(void **state)
{
    (void)state;
    size_t size;
    char *bytes = read_file(model_make(two_by_two, "whole.safetensors"), &size);
    uint64_t len;
    memcpy(&len, bytes, 8);
    cJSON *old = cJSON_ParseWithLength(bytes + 8, len), *header = cJSON_CreateObject();
    char *data = malloc(size), *text;
    size_t at = 0;
    while (old->child) { /* last comes first */
        cJSON *e = old->child->prev, *moved = cJSON_DetachItemViaPointer(old, e);
        cJSON_AddItemToObject(header, moved->string, moved);
        if (!strcmp(moved->string, "__metadata__")) {
            cJSON_AddStringToObject(moved, "author", "somebody");
            cJSON_AddItemToObject(moved, "axond.hash",
                                  cJSON_DetachItemFromObject(moved, "axond.hash"));
            continue;
        }
        cJSON *offsets = cJSON_GetObjectItem(moved, "data_offsets");
        size_t from = (size_t)offsets->child->valuedouble,
               n = (size_t)offsets->child->next->valuedouble - from;
        memcpy(data + at, bytes + 8 + len + from, n);
        cJSON_SetNumberValue(offsets->child, (double)at);
        cJSON_SetNumberValue(offsets->child->next, (double)(at += n));
    }
    text = cJSON_PrintUnformatted(header);
    len = strlen(text);
    FILE *f = fopen(in_folder("turned.safetensors"), "wb");
    assert_non_null(f);
    assert_true(fwrite(&len, 8, 1, f) == 1 && fwrite(text, len, 1, f) == 1 &&
                fwrite(data, at, 1, f) == 1);
    fclose(f);
    /* the same content in other bytes, and the hashes say so */
    ax_model *a = must_open(in_folder("whole.safetensors")),
             *b = must_open(in_folder("turned.safetensors"));
    const ax_model_info *one = ax_model_get_info(a), *two = ax_model_get_info(b);
    const cJSON *meta = cJSON_GetObjectItem(header, "__metadata__");
    assert_string_equal(one->hash, cJSON_GetObjectItem(meta, "axond.hash")->valuestring);
    assert_string_equal(one->hash, two->hash);
    assert_string_not_equal(one->file_hash, two->file_hash);
    ax_model_release(a);
    ax_model_release(b);
    cJSON_free(text);
    cJSON_Delete(old);
    cJSON_Delete(header);
    free(data);
    free(bytes);
}

/* ---- the self-test -----------------------------------------------------------------------------
 */

/* The self-test of the file at path, parsed. */
static cJSON *selftest_of(const char *path)
{
    ax_safetensors *f = ax_safetensors_open(path, NULL);
    assert_non_null(f);
    cJSON *t = cJSON_Parse(ax_safetensors_meta(f, "axond.selftest"));
    assert_non_null(t);
    ax_safetensors_close(f);
    return t;
}

static const char *with_selftest(const char *path, const cJSON *t, const char *name)
{
    char *text = cJSON_PrintUnformatted(t);
    const char *changed = change(path, "axond.selftest", text, name);
    cJSON_free(text);
    return changed;
}

/* Where the hash differs, as on another instruction set, the numbers decide: those of all outputs,
 * from the first to the last. */
static void test_all_outputs(void **state)
{
    (void)state;
    const char *path = model_make(two_by_two, "whole.safetensors");
    cJSON *t = selftest_of(path), *outputs = cJSON_GetObjectItem(t, "outputs");
    assert_int_equal(cJSON_GetArraySize(outputs), 2);
    assert_int_equal(cJSON_GetArraySize(outputs->child), 64);      /* of 2 * 40 */
    assert_int_equal(cJSON_GetArraySize(outputs->child->next), 4); /* 2 * 2     */
    cJSON_ReplaceItemInObject(t, "hash", cJSON_CreateString("0"));
    ax_model_release(must_open(with_selftest(path, t, "a")));
    static const struct {
        int output, number;
        const char *why;
    } wrong[] = {{0, 0, "number 0 of output 'wide'"},
                 {0, 63, "number 79 of output 'wide'"},
                 {1, 0, "number 0 of output 'classes'"},
                 {1, 3, "number 3 of output 'classes'"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cJSON *n =
            cJSON_GetArrayItem(cJSON_GetArrayItem(outputs, wrong[i].output), wrong[i].number);
        double right = n->valuedouble;
        cJSON_SetNumberValue(n, right + 2e-5); /* of numbers up to 1: another rounding */
        ax_model_release(must_open(with_selftest(path, t, "a")));
        cJSON_SetNumberValue(n, right + 2e-3);
        must_refuse(with_selftest(path, t, "a"), AX_ECORRUPT, wrong[i].why);
        cJSON_SetNumberValue(n, right);
    }
    cJSON_Delete(t);
}

/* Each input is tested in its own range: 1/scale. */
static void test_ranges(void **state)
{
    (void)state;
    cJSON *t = selftest_of(model_make(two_by_two, "whole.safetensors"));
    const cJSON *high = cJSON_GetObjectItem(t, "high");
    assert_int_equal(cJSON_GetArraySize(high), 2);
    assert_float_equal(high->child->valuedouble, 1, 0);
    assert_float_equal(high->child->next->valuedouble, 100, 1e-12);
    cJSON_Delete(t);
}

static void test_bad_selftests(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"", "axond.selftest"},
        {"[]", "not a JSON object"},
        {"{}", "needs a seed"},
        {"{\"seed\":1,\"high\":[1],\"hash\":\"0\",\"outputs\":[[],[]]}", "2 numbers"},
        {"{\"seed\":1,\"high\":[1,\"1\"],\"hash\":\"0\",\"outputs\":[[],[]]}", "2 numbers"},
        {"{\"seed\":1,\"high\":[1,1e31],\"hash\":\"0\",\"outputs\":[[],[]]}",
         "outside 1e-30 to 1e30"},
        {"{\"seed\":-2,\"high\":[1,1],\"hash\":\"0\",\"outputs\":[[],[]]}", "seed"},
        {"{\"seed\":1,\"high\":[1,1],\"hash\":0,\"outputs\":[[],[]]}", "hash"},
        {"{\"seed\":1,\"high\":[1,1],\"hash\":\"0\",\"outputs\":[[]]}", "2 arrays"},
        {"{\"seed\":1,\"high\":[1,1],\"hash\":\"0\",\"outputs\":[[],[]]}", "'wide' it needs 64"},
        {"{\"seed\":1,\"high\":[1,1],\"hash\":\"0\",\"outputs\":7}", "2 arrays"},
        {"{\"seed\":1,\"high\":[1,1],\"hash\":\"0\",\"output\":[[],[]]}", "output"},
    };
    (void)state;
    const char *path = model_make(two_by_two, "whole.safetensors");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        must_refuse(change(path, "axond.selftest", bad[i].text, "a"), AX_ECORRUPT, bad[i].why);
}

/* Numbers that leave the range of float32 are what they are: the file can be read all the same. */
static void test_overflow(void **state)
{
    (void)state;
    const char *path =
        model_make("{\"inputs\":[{\"name\":\"x\",\"shape\":[2],\"scale\":1e-30}],\"layers\":["
                   "{\"type\":\"activation\",\"activation\":\"relu\"},"
                   "{\"type\":\"multiply\",\"inputs\":[\"x\",\"x\"],\"name\":\"square\"},"
                   "{\"type\":\"dense\",\"units\":3}]}",
                   "hot.safetensors");
    ax_model_release(must_open(path));
}

/* ---- the file of an open model -----------------------------------------------------------------
 */

static void test_file_goes(void **state)
{
    (void)state;
    const char *path = model_make(two_by_two, "whole.safetensors");
    ax_model *m = must_open(path);
    ax_session *s = ax_session_open(m, &(ax_session_options){0}, NULL);
    assert_int_equal(ax_session_resize(s, 1, NULL), 0);
    float before[2];
    memset(ax_session_input(s, 0), 0, 3 * sizeof(float));
    memset(ax_session_input(s, 1), 0, 2 * sizeof(float));
    ax_session_run(s, NULL);
    memcpy(before, ax_session_output(s, 1), sizeof before);
    FILE *f = fopen(path, "wb"); /* as `cp other.safetensors this.safetensors` begins */
    assert_non_null(f);
    ax_session_run(s, NULL);
    assert_memory_equal(ax_session_output(s, 1), before, sizeof before);
    fclose(f);
    must_refuse(path, AX_EPARSE, "at least 8 bytes");
    ax_session_close(s);
    ax_model_release(m);
}

/* What a reader would refuse is not written. */
static void test_not_finite(void **state)
{
    ax_net n;
    ax_err err;
    (void)state;
    net_make(&n, two_by_two);
    ((float *)n.graph.val[n.inits[1].param].data)[3] = INFINITY;
    assert_int_equal(ax_model_write(in_folder("never"), &n, NULL, &err), -1);
    assert_int_equal(err.code, AX_ERANGE);
    assert_int_not_equal(access(in_folder("never"), F_OK), 0);
    ax_net_fini(&n);
}

/* A few bytes that ask for more memory, or more arithmetic, than there is. */
static void test_far_too_large(void **state)
{
    static const struct {
        const char *spec;
        ax_code code;
        const char *why;
    } rows[] = {
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[1,16384,16384]}],\"layers\":[{\"type\":"
         "\"upsample2d\","
         "\"size\":64}]}",
         AX_ELIMIT, "MiB of working memory, the limit is"},
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[16777216]}],\"layers\":[{\"type\":\"reshape\","
         "\"target_shape\":[16,1024,1024]},{\"type\":\"conv2d\",\"filters\":2097152,"
         "\"kernel_size\":1000,\"padding\":\"same\"}]}",
         AX_ELIMIT, "too large"},
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[16777216]}],\"layers\":[{\"type\":\"dense\","
         "\"units\":1048576}]}",
         AX_ECORRUPT, "is missing"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[256];
        strcpy(path, in_folder("large.safetensors"));
        const ax_st_meta meta[] = {{"axond.spec", rows[i].spec}};
        assert_int_equal(ax_safetensors_write(path, NULL, 0, meta, 1, NULL), 0);
        must_refuse(path, rows[i].code, rows[i].why);
    }
    /* what people read says so instead of wrapping round */
    assert_true(ax_count_mul((int64_t)1 << 40, (int64_t)1 << 40) == INT64_MAX);
    assert_true(ax_count_add(INT64_MAX, 1) == INT64_MAX && ax_count_add(2, 3) == 5);
    ax_net n;
    ax_err err;
    cJSON *json = cJSON_Parse(
        "{\"inputs\":[{\"name\":\"x\",\"shape\":[1024,1024,1024]}],\"layers\":[{\"type\":"
        "\"conv2d\",\"filters\":4096,\"kernel_size\":500,\"padding\":\"same\"}]}");
    if (ax_net_build(&n, json, NULL, 1, &err))
        fail_msg("%s", err.msg);
    assert_true(n.layers[0].flops > 0);
    ax_net_fini(&n);
    cJSON_Delete(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_bit),     cmocka_unit_test(test_sample_models),
        cmocka_unit_test(test_other_tools),   cmocka_unit_test(test_other_order),
        cmocka_unit_test(test_all_outputs),   cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_bad_selftests), cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_file_goes),     cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_far_too_large),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
