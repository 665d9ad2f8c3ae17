/* Files of ONNX behind HTTP: batches, tensors of any shape and type, numbers that shapes depend on,
 * the card, uploads, and requests of different shapes at once. */
#include "jobs.h"
#include "onnx_models.h"

static void put(const char *name, void (*make)(file *f))
{
    char path[160];
    file f;
    make(&f);
    snprintf(path, sizeof path, "%s/%s.onnx", the.models, name);
    finish_file(&f, path);
}

static void make_mlp(file *f)
{
    put_mlp(f, "batch");
}

/* y = x + 1 and whether x is above 2, x of int64 and any length */
static void make_types(file *f)
{
    begin(f, 13);
    ints(f, "one", 1, (int64_t[]){1});
    ints(f, "two", 1, (int64_t[]){2});
    PORT(f, AX_ONNX_INPUT, "x", AX_ONNX_INT64, "n");
    PORT(f, AX_ONNX_OUTPUT, "next", AX_ONNX_INT64, "n");
    PORT(f, AX_ONNX_OUTPUT, "above", AX_ONNX_BOOL, "n");
    NODE(f, "Add", "next", "x", "one");
    NODE(f, "Greater", "above", "x", "two");
}

static void make_unknown(file *f)
{
    begin(f, 13);
    PORT(f, AX_ONNX_INPUT, "x", AX_ONNX_FLOAT, "1");
    PORT(f, AX_ONNX_OUTPUT, "y", AX_ONNX_FLOAT, "1");
    NODE(f, "Frobnicate", "y", "x");
}

static int setup(void **state)
{
    (void)state;
    folder_new();
    put("mlp", make_mlp);
    put("open", put_open);
    put("slice", put_slice);
    put("repeat", put_repeat);
    put("types", make_types);
    put("unknown", make_unknown);
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

static void expect(const char *path, const char *body, long status, const char *word)
{
    reply r = post(path, body);
    if (r.status != status || !strstr(r.body, word))
        fail_msg("%s %s: %ld %s, expected %ld and %s", path, body, r.status, r.body, status, word);
    reply_free(&r);
}

static void predicts(void **state)
{
    (void)state;
    expect("/models/mlp/predict", "{\"inputs\":[[1,2,3,4]]}", 200, "\"predictions\":[{\"class\":0");
    expect("/models/mlp/predict", "{\"inputs\":[1,2,3,4],\"outputs\":[\"h\"]}", 200,
           "{\"h\":[-7.5,");
    expect("/models/open/predict", "{\"inputs\":[[[[1,2],[3,4]],[[1,1],[1,1]]]]}", 200,
           "\"outputs\":[[[[2.5]],[[1]]]]");
    expect("/models/open/predict",
           "{\"inputs\":{\"x\":{\"shape\":[1,2,1,3],\"data\":[1,2,3,-4,-5,-6]}}}", 200,
           "\"outputs\":[[[[2]],[[0]]]]");
    expect("/models/slice/predict", "{\"inputs\":{\"x\":[1,2,3,4],\"n\":[2]}}", 200,
           "\"outputs\":[1,2]");
    expect("/models/slice/predict", "{\"inputs\":{\"x\":[1,2,3,4],\"n\":[3]}}", 200,
           "\"outputs\":[1,2,3]");
    expect("/models/repeat/predict", "{\"inputs\":[2,1]}", 200, "\"outputs\":[2,1,2,1]");
    expect("/models/types/predict", "{\"inputs\":[1,9007199254740993]}", 200,
           "\"outputs\":{\"next\":[2,9007199254740994],\"above\":[false,true]}");
    expect("/models/types/predict", "{\"inputs\":[1,2,3],\"outputs\":[\"above\"]}", 200,
           "{\"above\":[false,false,true]}");
}

static void refuses(void **state)
{
    (void)state;
    expect("/models/mlp/predict", "{\"inputs\":[[1,2,3]]}", 400, "shape_mismatch");
    expect("/models/open/predict", "{\"inputs\":[[[1]]]}", 400, "nested 3 deep, expected 4");
    expect("/models/open/predict", "{\"inputs\":[[[[1,2],[3,4]]]]}", 400, "expected 2 elements");
    expect("/models/types/predict", "{\"inputs\":[1.5]}", 400, "inputs[0]");
    expect("/models/slice/predict", "{\"inputs\":[1,2]}", 400, "2 inputs");
    expect("/models/repeat/predict", "{\"inputs\":[-2,-1]}", 400, "Tile");
    expect("/models/unknown/predict", "{\"inputs\":[1]}", 404, "unknown_model");
    reply r = get("/models");
    if (!strstr(r.body, "1 operator of opset 13 is missing here: Frobnicate"))
        fail_msg("%s", r.body);
    reply_free(&r);
}

static void card(void **state)
{
    (void)state;
    reply r = get("/models/open");
    cJSON *j = cJSON_Parse(r.body), *in = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "inputs"), 0);
    assert_string_equal(cJSON_GetObjectItem(j, "format")->valuestring, "onnx");
    assert_int_equal(cJSON_GetObjectItem(j, "opset")->valueint, 13);
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(j, "batches")));
    assert_int_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(in, "shape"), 2)->valueint, -1);
    assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(in, "dims"), 2)->valuestring,
                        "height");
    cJSON_Delete(j);
    reply_free(&r);
    static const char *const models[] = {"/models/open", "/models/mlp", "/models/types"};
    for (int i = 0; i < 3; i++) {
        char text[4096] = "";
        r = get(models[i]);
        j = cJSON_Parse(r.body);
        FILE *p = popen(cJSON_GetObjectItem(j, "curl")->valuestring, "r");
        assert_true(fread(text, 1, sizeof text - 1, p) > 0);
        pclose(p);
        if (!strstr(text, "\"outputs\""))
            fail_msg("%s: %s", cJSON_GetObjectItem(j, "curl")->valuestring, text);
        cJSON_Delete(j);
        reply_free(&r);
    }
    r = get("/models/mlp/diagnostics?n=8");
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "\"relu\""));
    reply_free(&r);
}

static void uploads(void **state)
{
    (void)state;
    char path[160];
    size_t n;
    file f;
    make_mlp(&f);
    snprintf(path, sizeof path, "%s/upload", the.folder);
    finish_file(&f, path);
    char *bytes = ax_file_read(path, 1 << 20, &n, NULL);
    for (size_t cut = 0; cut < 2; cut++) {
        reply r = ask(&(request){.method = "PUT",
                                 .path = "/models/fresh",
                                 .type = "application/octet-stream",
                                 .body = bytes,
                                 .len = cut ? n - 5 : n});
        if (r.status != (cut ? 422 : 201))
            fail_msg("%ld %s", r.status, r.body);
        reply_free(&r);
    }
    free(bytes);
    expect("/models/fresh/predict", "{\"inputs\":[[1,2,3,4]]}", 200, "\"version\":1");
    snprintf(path, sizeof path, "%s/fresh/1/model.onnx", the.models);
    assert_int_equal(access(path, R_OK), 0);
}

/* Four clients ask for means of pictures of many sizes; each gets its own. */
static void *client(void *ctx)
{
    long wrong = 0;
    CURL *c = curl_easy_init();
    for (int k = 0; k < 60; k++) {
        char body[4096], want[64];
        int w = 1 + (k * 7 + (int)(intptr_t)ctx) % 40, at = 0;
        at += sprintf(body, "{\"inputs\":{\"x\":{\"shape\":[1,2,1,%d],\"data\":[", w);
        for (int i = 0; i < 2 * w; i++)
            at += sprintf(body + at, "%s%d", i ? "," : "", i < w ? w : 1);
        sprintf(body + at, "]}}}");
        sprintf(want, "\"outputs\":[[[[%d]],[[1]]]]", w);
        reply r =
            send_on(c, &(request){.method = "POST", .path = "/models/open/predict", .body = body});
        wrong += r.status != 200 || !strstr(r.body, want);
        reply_free(&r);
    }
    curl_easy_cleanup(c);
    return (void *)wrong;
}

static void many_shapes_at_once(void **state)
{
    (void)state;
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, client, (void *)(intptr_t)i);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(t[i], &wrong);
        assert_int_equal((long)wrong, 0);
    }
}

/* Trained further with a new end, and published: an ONNX file again, with the labels of the data.
 */
static void transfer(void **state)
{
    (void)state;
    char state_of[128], path[160], spec[2048];
    int n = sprintf(
        spec,
        "{\"model\":\"mlp\",\"publish\":\"tuned\",\"epochs\":20,\"batch_size\":8,\"freeze\":true,"
        "\"head\":{\"after\":\"h\",\"layers\":[{\"type\":\"dense\",\"units\":2,\"activation\":"
        "\"softmax\"}]},\"dataset\":{\"x\":[");
    for (int i = 0; i < 24; i++)
        n += sprintf(spec + n, "%s[%d,%d,1,2]", i ? "," : "", i % 2, i % 3);
    n += sprintf(spec + n, "],\"y\":[");
    for (int i = 0; i < 24; i++)
        n += sprintf(spec + n, "%s\"%s\"", i ? "," : "", i % 2 ? "odd" : "even");
    sprintf(spec + n, "]}}");
    reply r = post("/train", spec);
    if (r.status != 202)
        fail_msg("%ld %s", r.status, r.body);
    snprintf(path, sizeof path, "/jobs/%s?wait=60", field(r.body, "id", state_of));
    reply_free(&r);
    for (int i = 0; i < 60; i++) {
        r = get(path);
        field(r.body, "state", state_of);
        if (strcmp(state_of, "queued") && strcmp(state_of, "running"))
            break;
        reply_free(&r);
    }
    if (strcmp(state_of, "succeeded"))
        fail_msg("%s", r.body);
    reply_free(&r);
    snprintf(path, sizeof path, "%s/tuned/1/model.onnx", the.models);
    assert_int_equal(access(path, R_OK), 0);
    expect("/models/tuned/predict", "{\"inputs\":[[1,0,1,2]]}", 200, "\"label\":");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predicts),
        cmocka_unit_test(refuses),
        cmocka_unit_test(card),
        cmocka_unit_test(uploads),
        cmocka_unit_test(many_shapes_at_once),
        cmocka_unit_test(transfer),
    };
    curl_global_init(CURL_GLOBAL_ALL);
    return cmocka_run_group_tests(tests, setup, teardown);
}
