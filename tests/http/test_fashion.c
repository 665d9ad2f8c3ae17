/* The sample models over HTTP: 10,000 test pictures give the accuracy that training reported, and
 * the same bits one by one, in batches of 64, and under 32 concurrent clients. */
#include "harness.h"
#include "io/idx.h"

enum { BATCH = 64, CLIENTS = 32, CLASSES = 10, PIXELS = 784 };

static ax_tensor pictures, labels;
static int n_pictures;

static void copy_model(const char *name)
{
    char command[256];
    snprintf(command, sizeof command, "cp models/%s.safetensors '%s/'", name, the.models);
    assert_int_equal(system(command), 0);
}

static int setup(void **state)
{
    (void)state;
    static const char folder[] = "/usr/share/datasets/fashion-mnist/";
    char path[256];
    ax_err err;
    snprintf(path, sizeof path, "%st10k-images-idx3-ubyte.gz", folder);
    if (ax_idx_load(path, 1 << 28, &pictures, &err))
        fail_msg("%s (apt-get install dataset-fashion-mnist)", err.msg);
    snprintf(path, sizeof path, "%st10k-labels-idx1-ubyte.gz", folder);
    if (ax_idx_load(path, 1 << 28, &labels, &err))
        fail_msg("%s", err.msg);
    n_pictures = (int)pictures.shape.dim[0];
    assert_int_equal(n_pictures, 10000);
    folder_new();
    copy_model("fashion-mlp");
    copy_model("fashion-cnn");
    start((const char *[]){"--max-batch", "32", NULL});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int code = stop();
    folder_remove();
    free(pictures.data);
    free(labels.data);
    return code;
}

/* Ask for pictures [from, to) in one JSON request on c; outputs into y. */
static int predict(CURL *c, const char *model, int from, int to, float *y)
{
    char *body = malloc((size_t)(to - from) * PIXELS * 4 + 256), *p = body;
    const uint8_t *x = (const uint8_t *)pictures.data + (size_t)from * PIXELS;
    p += sprintf(p, "{\"model\":\"%s\",\"inputs\":[", model);
    for (int i = from; i < to; i++) {
        *p++ = i > from ? ',' : ' ';
        *p++ = '[';
        for (int k = 0; k < PIXELS; k++)
            p += sprintf(p, k ? ",%d" : "%d", *x++);
        *p++ = ']';
    }
    strcpy(p, "]}");
    reply r = send_on(c, &(request){.method = "POST", .path = "/predict", .body = body});
    free(body);
    cJSON *j = r.status == 200 ? cJSON_Parse(r.body) : NULL, *row, *v;
    int n = 0;
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(j, "outputs"))
    {
        cJSON_ArrayForEach(v, row)
        {
            if (n < (to - from) * CLASSES)
                y[n++] = (float)v->valuedouble;
        }
    }
    if (r.status != 200)
        fprintf(stderr, "status %ld: %.200s\n", r.status, r.body);
    reply_free(&r);
    cJSON_Delete(j);
    return n == (to - from) * CLASSES ? 0 : -1;
}

static double accuracy(const float *y)
{
    int right = 0;
    for (int i = 0; i < n_pictures; i++) {
        int best = 0;
        for (int k = 1; k < CLASSES; k++)
            if (y[i * CLASSES + k] > y[i * CLASSES + best])
                best = k;
        right += best == ((const uint8_t *)labels.data)[i];
    }
    return right / (double)n_pictures;
}

/* What training measured, from the model file. */
static double reported(const char *model)
{
    char path[160];
    ax_err err;
    snprintf(path, sizeof path, "models/%s.safetensors", model);
    ax_model *m = ax_model_open(path, &err);
    if (!m)
        fail_msg("%s", err.msg);
    cJSON *t = cJSON_Parse(ax_model_get_info(m)->training);
    const cJSON *a = cJSON_GetObjectItem(cJSON_GetObjectItem(t, "test"), "accuracy");
    assert_true(cJSON_IsNumber(a));
    double v = a->valuedouble;
    cJSON_Delete(t);
    ax_model_release(m);
    return v;
}

typedef struct client {
    pthread_t thread;
    const char *model;
    int first, bad;
    float *y;
} client;

/* Every CLIENTS-th picture, one by one. */
static void *client_main(void *ctx)
{
    client *k = ctx;
    CURL *c = curl_easy_init();
    for (int i = k->first; i < n_pictures && !k->bad; i += CLIENTS)
        k->bad = predict(c, k->model, i, i + 1, k->y + (size_t)i * CLASSES);
    curl_easy_cleanup(c);
    return NULL;
}

static void all_ways_agree(const char *model)
{
    size_t bytes = (size_t)n_pictures * CLASSES * sizeof(float);
    float *one = malloc(bytes), *batch = malloc(bytes), *crowd = malloc(bytes);
    CURL *c = curl_easy_init();
    for (int i = 0; i < n_pictures; i++)
        assert_int_equal(predict(c, model, i, i + 1, one + (size_t)i * CLASSES), 0);
    for (int i = 0; i < n_pictures; i += BATCH) {
        int to = i + BATCH < n_pictures ? i + BATCH : n_pictures;
        assert_int_equal(predict(c, model, i, to, batch + (size_t)i * CLASSES), 0);
    }
    curl_easy_cleanup(c);
    client k[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        k[i] = (client){.model = model, .first = i, .y = crowd};
        assert_int_equal(pthread_create(&k[i].thread, NULL, client_main, &k[i]), 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(k[i].thread, NULL);
        assert_int_equal(k[i].bad, 0);
    }
    assert_memory_equal(one, batch, bytes);
    assert_memory_equal(one, crowd, bytes);
    double got = accuracy(one);
    printf("%s: accuracy %.4f over HTTP, training reported %.4f\n", model, got, reported(model));
    assert_true(fabs(got - reported(model)) < 1e-9);
    free(one);
    free(batch);
    free(crowd);
}

static void mlp_over_http(void **state)
{
    (void)state;
    all_ways_agree("fashion-mlp");
    assert_true(reported("fashion-mlp") >= 0.885);
}

static void cnn_over_http(void **state)
{
    (void)state;
    all_ways_agree("fashion-cnn");
    assert_true(reported("fashion-cnn") >= 0.925);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mlp_over_http),
        cmocka_unit_test(cnn_over_http),
    };
    curl_global_init(CURL_GLOBAL_ALL);
    return cmocka_run_group_tests(tests, setup, teardown);
}
