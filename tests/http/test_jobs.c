/* The life of training jobs over HTTP: posting, the object, cancel, resume, delete, idempotency,
 * the series of metrics, a model trained further, failures, the bound of the queue. */
#include "jobs.h"

static const char *const flags[] = {"--max-queued-jobs", "20", "--job-threads", "1", NULL};

/* ---- from 202 to a served model
 * ------------------------------------------------------------------ */

static void test_life(void **state)
{
    (void)state;
    char *spec = job_spec("first", 200, 30, "");
    reply r = post("/train", spec);
    assert_int_equal(r.status, 202);
    assert_non_null(strstr(r.headers, "Location: /jobs/1\r\n"));
    cJSON *o = object(r);
    assert_string_equal(cJSON_GetStringValue(at(o, "id")), "1");
    assert_string_equal(cJSON_GetStringValue(at(o, "state")), "queued");
    assert_string_equal(cJSON_GetStringValue(at(o, "model")), "first");
    assert_int_equal(num(o, "queue_position"), 1);
    assert_int_equal(num(at(at(o, "config"), "dataset"), "inline_samples"), 200);
    cJSON_Delete(o);
    await(1, "succeeded", 60);
    o = object(job(1));
    assert_int_equal(num(o, "progress"), 1);
    assert_int_equal(num(o, "epoch"), 30);
    assert_int_equal(num(o, "step"), num(o, "steps"));
    assert_true(num(at(o, "metrics"), "loss") < 0.7);
    assert_true(num(at(o, "metrics"), "val_accuracy") > 0.5);
    assert_int_equal(num(at(o, "result"), "version"), 1);
    assert_true(cJSON_IsNull(at(o, "error")));
    assert_true(strcmp(cJSON_GetStringValue(at(o, "created_at")),
                       cJSON_GetStringValue(at(o, "finished_at"))) < 0);
    cJSON_Delete(o);
    r = post("/predict", "{\"model\":\"first\",\"inputs\":[[0.9,0.9,0.1],[0.1,0.1,0.9]]}");
    assert_int_equal(r.status, 200);
    reply_free(&r);
    free(spec);
}

/* The command line makes the same model of the same spec. */
static void test_command_line(void **state)
{
    (void)state;
    char path[512], command[2048], hash[128], served[128], line[4096] = "";
    char *spec = job_spec("first", 200, 30, "");
    snprintf(path, sizeof path, "%s/spec.json", the.folder);
    FILE *f = fopen(path, "w");
    assert_true(f && fputs(spec, f) >= 0 && fclose(f) == 0);
    binary(path, sizeof path);
    snprintf(command, sizeof command,
             "'%s' train '%s/spec.json' --out '%s/by-hand.safetensors' --progress plain >/dev/null "
             "&& '%s' inspect "
             "'%s/by-hand.safetensors' --json",
             path, the.folder, the.folder, path, the.folder);
    f = popen(command, "r");
    while (f && fgets(line, sizeof line, f) && !strstr(line, "\"hash\"")) {
    }
    field(line, "hash", hash);
    assert_int_equal(pclose(f), 0);
    assert_true(hash[0]);
    assert_string_equal(hash, hash_of("first", 1, served));
    free(spec);
}

/* ---- the same key, the same job
 * -------------------------------------------------------------------- */

static reply post_key(const char *spec, const char *key)
{
    return ask(&(request){.method = "POST", .path = "/train", .body = spec, .header = {key}});
}

static void test_idempotency(void **state)
{
    (void)state;
    char *spec = job_spec("keyed", 60, 2, ""), *other = job_spec("keyed", 60, 3, ""), a[128],
         b[128];
    reply r = post_key(spec, "Idempotency-Key: k-1");
    assert_int_equal(r.status, 202);
    field(r.body, "id", a);
    reply_free(&r);
    r = post_key(spec, "Idempotency-Key: k-1");
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.headers, "Idempotency-Replayed: true"));
    assert_string_equal(field(r.body, "id", b), a);
    reply_free(&r);
    r = post_key(other, "Idempotency-Key: k-1");
    assert_int_equal(r.status, 422);
    assert_non_null(strstr(r.body, "idempotency_key_reused"));
    reply_free(&r);
    r = post_key(spec, "Idempotency-Key;"); /* without a value */
    assert_int_equal(r.status, 400);
    reply_free(&r);
    await(atoi(a), "succeeded", 60);
    free(spec);
    free(other);
}

/* ---- cancel, resume, delete
 * -------------------------------------------------------------------------- */

static void test_control(void **state)
{
    (void)state;
    char *slow = job_spec("slow-job", 400, 100000, ""), now[128];
    int a = post_job(slow, NULL), b = post_job(slow, NULL);
    await(a, "running", 30);
    assert_string_equal(job_state(b, now), "queued");
    assert_int_equal(act(b, "DELETE", ""), 409);
    assert_int_equal(act(b, "POST", "/resume"), 409);
    assert_int_equal(act(b, "POST", "/cancel"), 200);
    assert_string_equal(job_state(b, now), "cancelled");
    assert_int_equal(act(b, "POST", "/cancel"), 409);
    nap(1);
    assert_int_equal(act(a, "DELETE", ""), 409);
    assert_int_equal(act(a, "POST", "/cancel"), 202);
    await(a, "cancelled", 30);
    cJSON *o = object(job(a));
    double reached = num(o, "step");
    assert_true(reached > 0 && reached < num(o, "steps"));
    cJSON_Delete(o);
    assert_int_equal(act(a, "POST", "/resume"), 202);
    await(a, "running", 30);
    nap(0.5);
    o = object(job(a));
    assert_true(num(o, "step") >= reached);
    cJSON_Delete(o);
    assert_int_equal(act(a, "POST", "/cancel"), 202);
    await(a, "cancelled", 30);
    assert_int_equal(act(a, "DELETE", ""), 200);
    assert_int_equal(act(a, "GET", ""), 404);
    char path[160];
    snprintf(path, sizeof path, "%s/jobs/%d", the.state, a);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(act(b, "DELETE", ""), 200);
    free(slow);
}

/* ---- reading
 * ------------------------------------------------------------------------------------------- */

static void test_metrics(void **state)
{
    (void)state;
    cJSON *o = object(get("/jobs/1/metrics")), *few = object(get("/jobs/1/metrics?max_points=4")),
          *late = object(get("/jobs/1/metrics?since=200"));
    const cJSON *loss = at(at(o, "metrics"), "loss"), *p, *four = at(at(few, "metrics"), "loss");
    double last = 0, steps = num(o, "step");
    assert_true(cJSON_GetArraySize(loss) >= 30);
    cJSON_ArrayForEach(p, loss)
    {
        assert_true(num(p, "step") > last && num(p, "epoch") >= 1 && num(p, "value") > 0);
        last = num(p, "step");
    }
    assert_true(last == steps);
    assert_int_equal(cJSON_GetArraySize(four), 4);
    assert_true(num(cJSON_GetArrayItem(four, 3), "step") == steps);
    assert_true(num(cJSON_GetArrayItem(at(at(late, "metrics"), "loss"), 0), "step") > 200);
    cJSON_Delete(o);
    cJSON_Delete(few);
    cJSON_Delete(late);
}

static void test_chart(void **state)
{
    (void)state;
    reply r = get("/jobs/1/chart.svg");
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.body, ">loss</text>"));
    assert_non_null(strstr(r.body, ">val_loss</text>"));
    assert_int_equal(count(r.body, "<path class=\"f s"), 4);
    reply_free(&r);
    assert_int_equal(status_of(&(request){.path = "/jobs/1/table"}), 409);
    assert_int_equal(status_of(&(request){.path = "/jobs/77/chart.svg"}), 404);
}

/* Of a long log the end is told, from the begin of a line. */
static void test_log(void **state)
{
    (void)state;
    char path[160], line[64], last[64] = "";
    snprintf(path, sizeof path, "%s/jobs/1/log", the.state);
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    for (int i = 0; i < 60000; i++) {
        snprintf(last, sizeof last, "line %d of many that stand here\n", i);
        fputs(last, f);
    }
    assert_int_equal(fclose(f), 0);
    reply r = get("/jobs/1/log");
    assert_int_equal(r.status, 200);
    assert_true(r.len <= 1 << 20 && r.len > (1 << 20) - sizeof line);
    assert_memory_equal(r.body, "line ", 5);
    assert_string_equal(r.body + r.len - strlen(last), last);
    reply_free(&r);
}

static void test_list(void **state)
{
    (void)state;
    cJSON *o = object(get("/jobs?state=succeeded&limit=1"));
    assert_int_equal(cJSON_GetArraySize(at(o, "jobs")), 1);
    int newest = atoi(cJSON_GetStringValue(at(cJSON_GetArrayItem(at(o, "jobs"), 0), "id")));
    cJSON_Delete(o);
    char path[64];
    snprintf(path, sizeof path, "/jobs?before=%d", newest);
    o = object(get(path));
    const cJSON *j;
    cJSON_ArrayForEach(j, at(o, "jobs"))
        assert_true(atoi(cJSON_GetStringValue(at(j, "id"))) < newest);
    cJSON_Delete(o);
}

static void test_bad_requests(void **state)
{
    (void)state;
    static const struct {
        const char *method, *path;
        int status;
        const char *word;
    } rows[] = {
        {"GET", "/jobs/0", 404, "unknown_job"},
        {"GET", "/jobs/x", 404, "unknown_job"},
        {"GET", "/jobs/01", 404, "unknown_job"},
        {"GET", "/jobs/999999", 404, "unknown_job"},
        {"GET", "/jobs/99999999999999999999", 404, "unknown_job"},
        {"GET", "/jobs/1?wait=x", 400, "wait"},
        {"GET", "/jobs/1?wait=301", 400, "wait"},
        {"GET", "/jobs?state=runing", 400, "did you mean 'running'?"},
        {"GET", "/jobs?limit=0", 400, "limit"},
        {"GET", "/jobs?colour=red", 400, "unknown_option"},
        {"GET", "/jobs/1/metrics?max_points=0", 400, "max_points"},
        {"GET", "/jobs/1/metrics?since=-1", 400, "since"},
        {"GET", "/jobs/1/events?after=x", 400, "after"},
        {"GET", "/jobs/77/events", 404, "unknown_job"},
        {"GET", "/jobs/77/log", 404, "unknown_job"},
        {"POST", "/jobs/77/cancel", 404, "unknown_job"},
        {"POST", "/jobs/77/resume", 404, "unknown_job"},
        {"DELETE", "/jobs/77", 404, "unknown_job"},
        {"POST", "/jobs/1/resume", 409, "wrong_state"},
        {"PUT", "/jobs/1", 405, "GET"},
        {"POST", "/jobs", 405, "GET"},
        {"GET", "/train", 405, "POST"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reply r = ask(&(request){.method = rows[i].method, .path = rows[i].path});
        if (r.status != rows[i].status || !strstr(r.body, rows[i].word))
            fail_msg("%s %s: %ld %s", rows[i].method, rows[i].path, r.status, r.body);
        reply_free(&r);
    }
    reply r = ask(&(request){.path = "/jobs/1/events", .header = {"Last-Event-ID: x"}});
    assert_int_equal(r.status, 400);
    reply_free(&r);
}

static void test_wait(void **state)
{
    (void)state;
    char *spec = job_spec("waited", 200, 20, ""), path[64], now[128] = "";
    snprintf(path, sizeof path, "/jobs/%d?wait=20", post_job(spec, NULL));
    double t = seconds();
    for (int i = 0; i < 100 && strcmp(now, "succeeded"); i++) {
        reply r = get(path);
        assert_int_equal(r.status, 200);
        field(r.body, "state", now);
        reply_free(&r);
    }
    assert_string_equal(now, "succeeded");
    assert_true(seconds() - t < 20);
    free(spec);
}

/* ---- a model trained further
 * --------------------------------------------------------------------------- */

static void test_further(void **state)
{
    (void)state;
    char *spec = job_spec("first", 200, 2, ""), a[128], b[128];
    char *end = strstr(spec, "\"publish\""), *further = NULL;
    assert_true(asprintf(&further, "{\"model\":\"first\",%s", end) > 0);
    int id = post_job(further, NULL);
    await(id, "succeeded", 60);
    cJSON *o = object(job(id));
    assert_int_equal(num(at(o, "result"), "version"), 2);
    cJSON_Delete(o);
    assert_string_not_equal(hash_of("first", 2, a), hash_of("first", 1, b));
    free(spec);
    free(further);
}

/* ---- failures
 * ------------------------------------------------------------------------------------------- */

static void test_divergence(void **state)
{
    (void)state;
    int id = post_job(
        "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[1]}],\"layers\":["
        "{\"type\":\"dense\",\"units\":64},{\"type\":\"dense\",\"units\":64},"
        "{\"type\":\"dense\",\"units\":1}]},\"dataset\":{\"x\":[[1],[2],[3]],\"y\":[5,6,7]},"
        "\"publish\":\"wild\",\"epochs\":50,\"optimizer\":{\"name\":\"sgd\","
        "\"learning_rate\":1000}}",
        NULL);
    await(id, "failed", 60);
    cJSON *o = object(job(id));
    const char *message = cJSON_GetStringValue(at(at(o, "error"), "message"));
    if (!strstr(message, "epoch") || !strstr(message, "step"))
        fail_msg("%s", message);
    assert_true(cJSON_IsNull(at(o, "result")));
    cJSON_Delete(o);
    assert_int_equal(status_of(&(request){.path = "/models/wild"}), 404);
}

/* ---- the bound
 * ------------------------------------------------------------------------------------------ */

static void *post_many(void *arg)
{
    int *counts = arg; /* accepted, refused, other */
    char *spec = job_spec("crowd", 40, 3, "");
    for (int i = 0; i < 100; i++) {
        reply r = post("/train", spec);
        int wait = 0;
        const char *at_header = strstr(r.headers, "Retry-After: ");
        if (at_header)
            wait = atoi(at_header + 13);
        counts[r.status == 202                                               ? 0
               : r.status == 429 && wait > 0 && strstr(r.body, "queue_full") ? 1
                                                                             : 2]++;
        reply_free(&r);
    }
    free(spec);
    return NULL;
}

static void test_crowd(void **state)
{
    (void)state;
    enum { POSTERS = 5 };
    int counts[POSTERS][3] = {{0}}, sum[3] = {0};
    int before = (int)metric("axond_jobs{state=\"succeeded\"}");
    pthread_t threads[POSTERS];
    for (int i = 0; i < POSTERS; i++)
        pthread_create(&threads[i], NULL, post_many, counts[i]);
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
        for (int k = 0; k < 3; k++)
            sum[k] += counts[i][k];
    }
    print_message("%d accepted, %d refused\n", sum[0], sum[1]);
    assert_int_equal(sum[2], 0);
    assert_int_equal(sum[0] + sum[1], 500);
    assert_true(sum[0] >= 20 && sum[1] > 0);
    for (double end = seconds() + 300; seconds() < end; nap(0.1))
        if ((int)metric("axond_jobs{state=\"succeeded\"}") == before + sum[0])
            return;
    fail_msg("not every accepted job ended");
}

static int setup(void **state)
{
    (void)state;
    return start_with(flags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),         cmocka_unit_test(test_command_line),
        cmocka_unit_test(test_idempotency),  cmocka_unit_test(test_control),
        cmocka_unit_test(test_metrics),      cmocka_unit_test(test_chart),
        cmocka_unit_test(test_log),          cmocka_unit_test(test_list),
        cmocka_unit_test(test_bad_requests), cmocka_unit_test(test_wait),
        cmocka_unit_test(test_further),      cmocka_unit_test(test_divergence),
        cmocka_unit_test(test_crowd),
    };
    return cmocka_run_group_tests(tests, setup, stop_and_remove);
}
