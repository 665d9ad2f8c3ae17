/* Predictions in all their forms; what is refused is in test_refused.c. */
#include "harness.h"

static int setup(void **state)
{
    (void)state;
    char path[160];
    folder_new();
    snprintf(path, sizeof path, "%s/tiny.safetensors", the.models);
    write_tiny(path, 1);
    snprintf(path, sizeof path, "%s/picture.safetensors", the.models);
    write_picture(path);
    snprintf(path, sizeof path, "%s/overflow.safetensors", the.models);
    write_overflow(path);
    snprintf(path, sizeof path, "%s/uncertain.safetensors", the.models);
    write_uncertain(path);
    snprintf(path, sizeof path, "%s/binary.safetensors", the.models);
    write_model(
        path,
        "{\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":[{\"type\":\"dense\","
        "\"units\":1,\"activation\":\"sigmoid\",\"name\":\"d\"}],\"labels\":[\"no\",\"yes\"]}",
        (dense[]){{"d", 2, 1, 0}}, 1, 9, 1);
    start((const char *[]){"--default-model", "tiny", "--max-body", "1000000", "--max-rows", "50",
                           NULL});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int code = stop();
    folder_remove();
    return code;
}

/* The text between two marks of a body; fails when it is not there. */
static char *between(const char *body, const char *from, const char *to)
{
    const char *a = strstr(body, from), *b = a ? strstr(a + strlen(from), to) : NULL;
    if (!b)
        fail_msg("no '%s' ... '%s' in %s", from, to, body);
    a += strlen(from);
    return strndup(a, (size_t)(b - a));
}

static void answers_a_batch(void **state)
{
    (void)state;
    static const char *const labels[] = {"red", "green", "blue"};
    reply r = post("/predict", "{\"inputs\":[[1,2,3,4],[0.5,-1,2e-1,0]]}");
    assert_int_equal(r.status, 200);
    cJSON *j = cJSON_Parse(r.body), *outputs = cJSON_GetObjectItem(j, "outputs");
    assert_non_null(j);
    assert_string_equal(cJSON_GetObjectItem(j, "model")->valuestring, "tiny");
    assert_int_equal(cJSON_GetObjectItem(j, "version")->valueint, 1);
    assert_int_equal(cJSON_GetArraySize(outputs), 2);
    for (int i = 0; i < 2; i++) {
        cJSON *y = cJSON_GetArrayItem(outputs, i),
              *p = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "predictions"), i);
        double sum = 0, best = 0;
        int arg = 0;
        assert_int_equal(cJSON_GetArraySize(y), 3);
        for (int k = 0; k < 3; k++) {
            double v = cJSON_GetArrayItem(y, k)->valuedouble;
            sum += v;
            if (v > best)
                best = v, arg = k;
        }
        assert_true(fabs(sum - 1) < 1e-5);
        assert_int_equal(cJSON_GetObjectItem(p, "class")->valueint, arg);
        assert_string_equal(cJSON_GetObjectItem(p, "label")->valuestring, labels[arg]);
        assert_true(fabs(cJSON_GetObjectItem(p, "probability")->valuedouble - best) < 1e-7);
    }
    cJSON_Delete(j);
    reply_free(&r);
}

/* The same sample: alone, bare, in a batch, flat, through another path, as raw bytes. */
static void says_the_same_in_all_forms(void **state)
{
    (void)state;
    reply r = post("/predict", "{\"inputs\":[[1,2,3,4]]}");
    char *want = between(r.body, "\"outputs\":[[", "]]");
    reply_free(&r);
    static const struct {
        const char *path, *body, *from, *to;
    } forms[] = {
        {"/predict", "{\"inputs\":[1,2,3,4]}", "\"outputs\":[", "]"},
        {"/predict", "{\"instances\":[[1.0,2.0,3.0e0,0.4e1]]}", "\"outputs\":[[", "]"},
        {"/predict", "{\"model\":\"tiny\",\"inputs\":{\"x\":[[1,2,3,4]]}}", "\"outputs\":[[", "]"},
        {"/predict", "{\"inputs\":[[9,9,9,9],[1,2,3,4],[0,0,0,0]],\"model\":\"tiny\"}", "],[", "]"},
        {"/models/tiny/predict", "{\"inputs\":[[1,2,3,4]]}", "\"outputs\":[[", "]"},
        {"/models/tiny/versions/1/predict", "{\"inputs\":[[1,2,3,4]]}", "\"outputs\":[[", "]"},
        {"/predict?model=tiny", "{\"inputs\":[[1,2,3,4]],\"deadline_ms\":5000}", "\"outputs\":[[",
         "]"},
        {"/predict?top=2&timings=true&outputs=out", "{\"inputs\":[[1,2,3,4]]}", "\"out\":[[", "]"},
        {"/models/tiny/predict?model=tiny", "{\"inputs\":[[1,2,3,4]],\"model\":\"tiny\"}",
         "\"outputs\":[[", "]"},
        {"/predict", "{\"inputs\":[[1,2,3,4]],\"outputs\":[\"out\"]}", "\"out\":[[", "]"},
        {"/predict", "{\"inputs\":[[1,2,3,4]],\"outputs\":[\"hidden\",\"out\"]}", "\"out\":[[",
         "]"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        r = post(forms[i].path, forms[i].body);
        if (r.status != 200)
            fail_msg("%s: %ld %s", forms[i].body, r.status, r.body);
        char *got = between(r.body, forms[i].from, forms[i].to);
        assert_string_equal(got, want);
        free(got);
        reply_free(&r);
    }
    float x[4] = {1, 2, 3, 4};
    request raw = {.method = "POST",
                   .path = "/predict",
                   .type = "application/octet-stream",
                   .body = (char *)x,
                   .len = sizeof x};
    r = ask(&raw);
    char *got = between(r.body, "\"outputs\":[[", "]]");
    assert_string_equal(got, want);
    free(got);
    reply_free(&r);
    raw.header[0] = "Accept: application/octet-stream";
    r = ask(&raw);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.len, 12);
    assert_non_null(strstr(r.headers, "X-Shape: [1,3]"));
    for (int i = 0; i < 3; i++) {
        float y;
        memcpy(&y, r.body + 4 * i, 4);
        char *p = want;
        for (int k = 0; k < i; k++)
            p = strchr(p, ',') + 1;
        assert_true(strtof(p, NULL) == y);
    }
    reply_free(&r);
    free(want);
}

static void ranks_classes(void **state)
{
    (void)state;
    reply r = post("/predict", "{\"inputs\":[[1,2,3,4]],\"top\":3,\"timings\":true}");
    cJSON *j = cJSON_Parse(r.body);
    cJSON *top =
        cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(j, "predictions"), 0), "top");
    assert_int_equal(cJSON_GetArraySize(top), 3);
    for (int i = 1; i < 3; i++)
        assert_true(
            cJSON_GetObjectItem(cJSON_GetArrayItem(top, i - 1), "probability")->valuedouble >=
            cJSON_GetObjectItem(cJSON_GetArrayItem(top, i), "probability")->valuedouble);
    assert_non_null(cJSON_GetObjectItem(cJSON_GetObjectItem(j, "timings"), "compute_us"));
    assert_non_null(strstr(r.headers, "Server-Timing: parse;dur="));
    cJSON_Delete(j);
    reply_free(&r);
}

/* One sigmoid tells two classes apart; the best comes first and both share the probability. */
static void ranks_yes_and_no(void **state)
{
    (void)state;
    for (int sign = -1; sign <= 1; sign += 2) {
        char body[64];
        sprintf(body, "{\"inputs\":[%d,%d],\"top\":2}", 9 * sign, 9 * sign);
        reply r = post("/models/binary/predict", body);
        cJSON *j = cJSON_Parse(r.body), *y = cJSON_GetObjectItem(j, "outputs"),
              *p = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "predictions"), 0),
              *top = cJSON_GetObjectItem(p, "top");
        assert_int_equal(cJSON_GetArraySize(top), 2);
        double v = cJSON_GetArrayItem(y, 0)->valuedouble, sum = 0;
        for (int i = 0; i < 2; i++) {
            cJSON *c = cJSON_GetArrayItem(top, i);
            int class = v >= 0.5 ? !i : i;
            assert_int_equal(cJSON_GetObjectItem(c, "class")->valueint, class);
            assert_string_equal(cJSON_GetObjectItem(c, "label")->valuestring, class ? "yes" : "no");
            sum += cJSON_GetObjectItem(c, "probability")->valuedouble;
        }
        assert_true(fabs(sum - 1) < 1e-6);
        assert_int_equal(cJSON_GetObjectItem(p, "class")->valueint, v >= 0.5);
        cJSON_Delete(j);
        reply_free(&r);
    }
}

static void shows_inner_layers(void **state)
{
    (void)state;
    reply r = post("/predict", "{\"inputs\":[[1,2,3,4],[4,3,2,1]],\"outputs\":[\"hidden\"]}");
    cJSON *j = cJSON_Parse(r.body),
          *h = cJSON_GetObjectItem(cJSON_GetObjectItem(j, "outputs"), "hidden");
    assert_int_equal(cJSON_GetArraySize(h), 2);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetArrayItem(h, 0)), 5);
    assert_null(cJSON_GetObjectItem(j, "predictions"));
    cJSON_Delete(j);
    reply_free(&r);
}

static void takes_pictures(void **state)
{
    (void)state;
    unsigned char png[2048];
    char body[1024], *p = body;
    size_t n = make_png(png, 6, 8, 128);
    request q = {.method = "POST",
                 .path = "/predict?model=picture&top=1",
                 .type = "image/png",
                 .body = (char *)png,
                 .len = n};
    reply r = ask(&q);
    if (r.status != 200)
        fail_msg("%ld %s", r.status, r.body);
    char *picture = between(r.body, "\"outputs\":[[", "]]");
    assert_non_null(strstr(r.body, "\"top\":[{\"class\":"));
    reply_free(&r);
    p += sprintf(p, "{\"model\":\"picture\",\"inputs\":[[");
    for (int i = 0; i < 48; i++)
        p += sprintf(p, "%s128", i ? "," : "");
    sprintf(p, "]]}");
    r = post("/predict", body);
    char *numbers = between(r.body, "\"outputs\":[[", "]]");
    assert_string_equal(picture, numbers);
    free(picture);
    free(numbers);
    reply_free(&r);
    for (size_t cut = 0; cut < n; cut += 7) { /* every truncation is the client's mistake */
        q.len = cut ? cut : 1;
        long status = status_of(&q);
        assert_in_range(status, 400, 422);
    }
}

static void reports_what_json_cannot_say(void **state)
{
    (void)state;
    reply r = post("/models/overflow/predict", "{\"inputs\":[[100,100]]}");
    assert_int_equal(r.status, 500);
    assert_non_null(strstr(r.body, "\"code\":\"non_finite_output\""));
    reply_free(&r);
    r = post("/models/overflow/predict", "{\"inputs\":[[100,100]],\"non_finite\":\"null\"}");
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, "null"));
    cJSON *j = cJSON_Parse(r.body);
    assert_non_null(j);
    cJSON_Delete(j);
    reply_free(&r);
    r = post("/models/overflow/predict", "{\"inputs\":[[100,100]],\"non_finite\":\"string\"}");
    assert_non_null(strstr(r.body, "Infinity\""));
    reply_free(&r);
    /* NaN: no class is the likeliest */
    r = post("/models/uncertain/predict", "{\"inputs\":[[100,100],[0,0]],\"non_finite\":\"string\",\"top\":2}");
    assert_int_equal(r.status, 200);
    if (!strstr(r.body, "[\"NaN\",\"NaN\"]") ||
        !strstr(r.body, "{\"class\":null,\"label\":null,\"probability\":null,\"top\":[]},{\"class\":"))
        fail_msg("%s", r.body);
    reply_free(&r);
}

static void splits_large_batches(void **state)
{
    (void)state;
    char body[4096], *p = body + sprintf(body, "{\"inputs\":[");
    for (int i = 0; i < 50; i++)
        p += sprintf(p, "%s[%d,2,3,4]", i ? "," : "", i);
    sprintf(p, "]}");
    reply r = post("/predict", body);
    assert_int_equal(r.status, 200);
    cJSON *j = cJSON_Parse(r.body);
    for (int i = 0; i < 50; i += 7) {
        char one[64];
        sprintf(one, "{\"inputs\":[%d,2,3,4]}", i);
        reply single = post("/predict", one);
        cJSON *k = cJSON_Parse(single.body);
        assert_true(cJSON_Compare(cJSON_GetArrayItem(cJSON_GetObjectItem(j, "outputs"), i),
                                  cJSON_GetObjectItem(k, "outputs"), 1));
        cJSON_Delete(k);
        reply_free(&single);
    }
    cJSON_Delete(j);
    reply_free(&r);
}

/* A body above the size that the event loop reads itself goes to a worker, and says the same. */
static void reads_large_bodies(void **state)
{
    (void)state;
    enum { PAD = 500000 };
    char *text = malloc(PAD + 100);
    memset(text, ' ', PAD);
    strcpy(text + PAD, "{\"inputs\":[[1,2,3,4]]}");
    reply large = post("/predict", text), small = post("/predict", text + PAD);
    assert_int_equal(large.status, 200);
    assert_string_equal(large.body, small.body);
    reply_free(&large);
    reply_free(&small);
    strcpy(text + PAD, "{\"inputs\":[[1,2,3,4,5]]}");
    large = post("/predict", text);
    assert_int_equal(large.status, 400);
    reply_free(&large);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_a_batch),
        cmocka_unit_test(says_the_same_in_all_forms),
        cmocka_unit_test(ranks_classes),
        cmocka_unit_test(ranks_yes_and_no),
        cmocka_unit_test(shows_inner_layers),
        cmocka_unit_test(takes_pictures),
        cmocka_unit_test(reports_what_json_cannot_say),
        cmocka_unit_test(splits_large_batches),
        cmocka_unit_test(reads_large_bodies),
    };
    curl_global_init(CURL_GLOBAL_ALL);
    return cmocka_run_group_tests(tests, setup, teardown);
}
