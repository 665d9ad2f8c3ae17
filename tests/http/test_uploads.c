/* Faults of an uploaded model file: always 422 with a place, never a path of the server, and
 * nothing changes. */
#include "harness.h"

#define SPEC(input, hidden, out)                                                                   \
    "{\"name\":\"tiny\",\"inputs\":[{\"name\":\"x\"," input "}],\"layers\":["                      \
    "{\"type\":\"dense\"," hidden ",\"name\":\"hidden\"},{\"type\":\"dense\"," out                 \
    ",\"activation\":\"softmax\",\"name\":\"out\"}]}"
#define FOUR  "\"shape\":[4]"
#define FIVE  "\"units\":5"
#define THREE "\"units\":3"

static int setup(void **state)
{
    (void)state;
    char path[160];
    folder_new();
    snprintf(path, sizeof path, "%s/tiny.safetensors", the.models);
    write_tiny(path, 1);
    start(NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int code = the.pid ? stop() : 0;
    folder_remove();
    return code;
}

/* A file of layers hidden (4 to 5) and out (5 to 3) with this spec, as bytes. */
static char *file_with(const char *spec, size_t *n)
{
    char path[160];
    ax_err err;
    snprintf(path, sizeof path, "%s/upload", the.folder);
    write_model(path, spec, (dense[]){{"hidden", 4, 5, 0}, {"out", 5, 3, 0}}, 2, 1, 1);
    char *text = ax_file_read(path, 1 << 20, n, &err);
    assert_non_null(text);
    return text;
}

static reply put(const char *bytes, size_t n)
{
    return ask(&(request){.method = "PUT",
                          .path = "/models/tiny",
                          .type = "application/octet-stream",
                          .body = bytes,
                          .len = n});
}

/* 422, with a message, a word, this place; and the file's path is nowhere. */
static void expect(const char *what, const char *bytes, size_t n, const char *at, const char *says)
{
    reply r = put(bytes, n);
    cJSON *j = cJSON_Parse(r.body), *place = cJSON_GetObjectItem(j, "at");
    if (r.status != 422 || !cJSON_IsString(cJSON_GetObjectItem(j, "error")) ||
        !cJSON_IsString(cJSON_GetObjectItem(j, "code")) || !cJSON_IsString(place) ||
        strcmp(place->valuestring, at) || !strstr(r.body, says) || strstr(r.body, "upload-") ||
        strstr(r.body, the.folder))
        fail_msg("%s: %ld %s", what, r.status, r.body);
    cJSON_Delete(j);
    reply_free(&r);
}

static void refuses_specs(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *at, *says;
    } rows[] = {
        {"{nope", "axond.spec", "line 1"},
        {"{}", "layers", "needs"},
        {SPEC(FOUR, FIVE ",\"activation\":\"reluu\"", THREE), "layers[0].activation",
         "did you mean 'relu'?"},
        {SPEC(FOUR, "\"unit\":5", THREE), "layers[0].unit", "did you mean 'units'?"},
        {SPEC(FOUR, "\"units\":0", THREE), "layers[0].units", "'units' is 0"},
        {SPEC(FOUR, FIVE, THREE ",\"inputs\":[\"hiden\"]"), "layers[1].inputs[0]", "'hiden'"},
        {SPEC("\"shape\":[0]", FIVE, THREE), "inputs[0].shape[0]", ""},
        {SPEC("\"shape\":[5]", FIVE, THREE), "hidden/kernel",
         "(5, 4), its layer expects F32 (5, 5)"},
        {SPEC(FOUR, FIVE ",\"use_bias\":false", THREE), "hidden/bias", "belongs to no layer"},
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[4]}],\"layers\":[{\"type\":\"dens\"}]}",
         "layers[0].type", "did you mean 'dense'?"},
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[4]}],\"layers\":["
         "{\"type\":\"dense\",\"units\":5,\"name\":\"a\"},{\"type\":\"dense\",\"units\":5,\"name\":"
         "\"a\"}]}",
         "layers[1].name", "twice"},
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[4]}],\"layers\":["
         "{\"type\":\"dense\",\"units\":5,\"name\":\"other\"}]}",
         "other/kernel", "is missing"},
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[400000,400000]}],\"layers\":["
         "{\"type\":\"flatten\"},{\"type\":\"dense\",\"units\":500}]}",
         "layers[1]", "too large"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n;
        char *bytes = file_with(rows[i].spec, &n);
        expect(rows[i].spec, bytes, n, rows[i].at, rows[i].says);
        free(bytes);
    }
}

static void refuses_tensors(void **state)
{
    (void)state;
    static const struct {
        float value;
        const char *says;
    } rows[] = {{NAN, "holds NaN at element 14"},
                {INFINITY, "holds infinity at element 14"},
                {-INFINITY, "holds infinity at element 14"}};
    size_t n;
    char *bytes = file_with(SPEC(FOUR, FIVE, THREE), &n);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memcpy(bytes + n - 4, &rows[i].value, 4); /* the last number is of out/kernel */
        expect(rows[i].says, bytes, n, "out/kernel", rows[i].says);
    }
    expect("five bytes", bytes, 5, "header", "at least 8 bytes");
    expect("half a header", bytes, 100, "header", "the file ends after 92");
    expect("no last number", bytes, n - 4, "out/kernel", "outside the data");
    bytes[8] = 'x';
    expect("no JSON", bytes, n, "header", "JSON");
    free(bytes);
}

/* A self-test that the model does not pass. */
static void refuses_what_fails_its_test(void **state)
{
    (void)state;
    static const struct {
        const char *selftest, *says;
    } rows[] = {
        {"{\"seed\":1,\"high\":[1],\"hash\":\"0\",\"outputs\":[[9,9]]}", "the self-test failed"},
        {"{\"seed\":1,\"high\":[-1],\"hash\":\"0\",\"outputs\":[[9,9]]}", "-1 in"},
        {"{\"high\":[1]}", "needs a seed"},
        {"nonsense", "cannot be read"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[160];
        float w[3] = {1, 2, 3};
        ax_err err;
        size_t n;
        snprintf(path, sizeof path, "%s/upload", the.folder);
        const ax_st_item items[] = {{"d/kernel", {AX_F32, AX_SHAPE(1, 2), w}},
                                    {"d/bias", {AX_F32, AX_SHAPE(1), w}}};
        const ax_st_meta meta[] = {{"axond.spec",
                                    "{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":["
                                    "{\"type\":\"dense\",\"units\":1,\"name\":\"d\"}]}"},
                                   {"axond.selftest", rows[i].selftest}};
        assert_int_equal(ax_safetensors_write(path, items, 2, meta, 2, &err), 0);
        char *bytes = ax_file_read(path, 1 << 20, &n, &err);
        expect(rows[i].selftest, bytes, n, "axond.selftest", rows[i].says);
        free(bytes);
    }
}

static void changes_nothing(void **state)
{
    (void)state;
    reply r = get("/models/tiny");
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "\"versions\":[1]"));
    reply_free(&r);
    char command[256];
    snprintf(command, sizeof command, "test \"$(ls -A '%s')\" = tiny.safetensors", the.models);
    assert_int_equal(system(command), 0);
}

/* A file in the folder is refused in the same words, and named as the folder's user knows it. */
static void tells_what_could_not_be_loaded(void **state)
{
    (void)state;
    char path[160];
    snprintf(path, sizeof path, "%s/bad.safetensors", the.models);
    write_model(path, SPEC(FOUR, "\"units\":0", THREE),
                (dense[]){{"hidden", 4, 5, 0}, {"out", 5, 3, 0}}, 2, 1, 1);
    reply r = post("/models/reload", "{}");
    assert_int_equal(r.status, 422);
    cJSON *j = cJSON_Parse(r.body), *f = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "failed"), 0);
    assert_string_equal(cJSON_GetObjectItem(f, "file")->valuestring, "bad.safetensors");
    assert_string_equal(cJSON_GetObjectItem(f, "at")->valuestring, "layers[0].units");
    assert_string_equal(cJSON_GetObjectItem(f, "code")->valuestring, "out_of_range");
    assert_null(strstr(r.body, the.folder));
    cJSON_Delete(j);
    reply_free(&r);
}

/* The folder that nobody has made yet is made by the first upload. */
static void makes_the_folder(void **state)
{
    (void)state;
    size_t n;
    char *bytes = file_with(SPEC(FOUR, FIVE, THREE), &n), command[256];
    snprintf(command, sizeof command, "rm -r '%s'", the.models);
    assert_int_equal(system(command), 0);
    reply r = put(bytes, n);
    assert_int_equal(r.status, 201);
    reply_free(&r);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_specs),
        cmocka_unit_test(refuses_tensors),
        cmocka_unit_test(refuses_what_fails_its_test),
        cmocka_unit_test(changes_nothing),
        cmocka_unit_test(tells_what_could_not_be_loaded),
        cmocka_unit_test(makes_the_folder),
    };
    curl_global_init(CURL_GLOBAL_ALL);
    return cmocka_run_group_tests(tests, setup, teardown);
}
