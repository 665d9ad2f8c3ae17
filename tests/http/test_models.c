/* The models folder over HTTP: cards, upload, versions, removal, reload under load; keys; metrics.
 */
#include "harness.h"

#define BODY "{\"inputs\":[[1,2,3,4]]}"

static int setup(void **state)
{
    (void)state;
    char path[160];
    folder_new();
    snprintf(path, sizeof path, "%s/tiny.safetensors", the.models);
    write_tiny(path, 1);
    snprintf(path, sizeof path, "%s/broken.safetensors", the.models);
    FILE *f = fopen(path, "w");
    fputs("this is no model", f);
    fclose(f);
    snprintf(path, sizeof path, "%s/bad name.safetensors", the.models);
    write_tiny(path, 2);
    snprintf(path, sizeof path, "%s/.hidden.safetensors", the.models);
    write_tiny(path, 2);
    start((const char *[]){"--default-model", "tiny", NULL});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int code = the.pid ? stop() : 0;
    folder_remove();
    return code;
}

static char *file_text(const char *path, size_t *n)
{
    ax_err err;
    char *text = ax_file_read(path, 1 << 20, n, &err);
    if (!text)
        fail_msg("%s", err.msg);
    return text;
}

/* PUT a tiny model with these weights under a name. */
static reply put(const char *name, int seed)
{
    char path[160], url[160];
    size_t n;
    snprintf(path, sizeof path, "%s/upload", the.folder);
    snprintf(url, sizeof url, "/models/%s", name);
    write_tiny(path, seed);
    char *text = file_text(path, &n);
    reply r = ask(&(request){
        .method = "PUT", .path = url, .type = "application/octet-stream", .body = text, .len = n});
    free(text);
    return r;
}

static int version_now(const char *model)
{
    char path[100];
    int v = -1;
    snprintf(path, sizeof path, "/models/%s/predict", model);
    reply r = post(path, BODY);
    const char *at = strstr(r.body, "\"version\":");
    if (r.status == 200 && at)
        v = atoi(at + 10);
    reply_free(&r);
    return v;
}

static void lists_and_describes(void **state)
{
    (void)state;
    reply r = get("/models");
    cJSON *j = cJSON_Parse(r.body), *m = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "models"), 0);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "models")), 1);
    assert_string_equal(cJSON_GetObjectItem(m, "name")->valuestring, "tiny");
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(m, "default")));
    m = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "failed"), 0);
    assert_string_equal(cJSON_GetObjectItem(m, "name")->valuestring, "broken");
    assert_true(cJSON_GetObjectItem(m, "error")->valuestring[0]);
    cJSON_Delete(j);
    reply_free(&r);
    r = get("/models/tiny");
    j = cJSON_Parse(r.body);
    assert_int_equal(cJSON_GetObjectItem(j, "params")->valueint, 4 * 5 + 5 + 5 * 3 + 3);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "layers")), 2);
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "labels")), 3);
    assert_string_equal(cJSON_GetObjectItem(j, "self_test")->valuestring, "none"); /* not written by axond */
    assert_int_equal(strlen(cJSON_GetObjectItem(j, "hash")->valuestring), 16);
    assert_int_equal(strlen(cJSON_GetObjectItem(j, "file_hash")->valuestring), 16);
    const char *curl = cJSON_GetObjectItem(j, "curl")->valuestring;
    FILE *p = popen(curl, "r"); /* the line works as it stands */
    char text[1024] = "";
    assert_true(fread(text, 1, sizeof text - 1, p) > 0);
    pclose(p);
    assert_non_null(strstr(text, "\"predictions\""));
    char *example = cJSON_PrintUnformatted(cJSON_GetObjectItem(j, "example"));
    reply q = post("/models/tiny/predict", example);
    assert_int_equal(q.status, 200);
    free(example);
    reply_free(&q);
    cJSON_Delete(j);
    reply_free(&r);
    r = get("/");
    j = cJSON_Parse(r.body);
    assert_true(cJSON_GetArraySize(cJSON_GetObjectItem(j, "try")) >= 2);
    cJSON_Delete(j);
    reply_free(&r);
}

static void versions_come_and_go(void **state)
{
    (void)state;
    assert_int_equal(version_now("tiny"), 1);
    for (int v = 2; v <= 3; v++) {
        reply r = put("tiny", 10 + v);
        if (r.status != 201)
            fail_msg("%ld %s", r.status, r.body);
        char location[64];
        sprintf(location, "Location: /models/tiny/versions/%d", v);
        assert_non_null(strstr(r.headers, location));
        reply_free(&r);
        assert_int_equal(version_now("tiny"), v);
    }
    reply one = post("/models/tiny/versions/1/predict", BODY),
          two = post("/models/tiny/versions/2/predict", BODY);
    assert_int_equal(one.status, 200);
    assert_int_equal(two.status, 200);
    assert_string_not_equal(strstr(one.body, "outputs"), strstr(two.body, "outputs"));
    reply_free(&one);
    reply_free(&two);
    reply r = get("/models/tiny");
    assert_non_null(strstr(r.body, "\"versions\":[1,2,3]"));
    reply_free(&r);
    assert_int_equal(status_of(&(request){.method = "DELETE", .path = "/models/tiny/versions/3"}),
                     200);
    assert_int_equal(version_now("tiny"), 2);
    assert_int_equal(status_of(&(request){.method = "DELETE", .path = "/models/tiny/versions/3"}),
                     404);
    /* what was put is on disk, and a reload agrees with what is served */
    r = post("/models/reload", "");
    assert_int_equal(r.status, 422); /* "broken" still is */
    assert_non_null(strstr(r.body, "\"kept\":2,\"loaded\":0,\"removed\":0"));
    reply_free(&r);
    r = put("other", 50);
    assert_int_equal(r.status, 201);
    reply_free(&r);
    assert_int_equal(version_now("other"), 1);
    assert_int_equal(status_of(&(request){.method = "DELETE", .path = "/models/other"}), 200);
    assert_int_equal(version_now("other"), -1);
    char path[160];
    snprintf(path, sizeof path, "%s/other", the.models);
    assert_int_equal(access(path, F_OK), -1);
}

static void a_bad_upload_changes_nothing(void **state)
{
    (void)state;
    int before = version_now("tiny");
    char path[160];
    size_t n;
    snprintf(path, sizeof path, "%s/upload", the.folder);
    write_tiny(path, 77);
    char *text = file_text(path, &n);
    for (size_t cut = 1; cut < n; cut += 37) {
        request q = {.method = "PUT",
                     .path = "/models/tiny",
                     .type = "application/octet-stream",
                     .body = text,
                     .len = cut};
        assert_int_equal(status_of(&q), 422);
    }
    free(text);
    assert_int_equal(version_now("tiny"), before);
    char command[256], out[64] = "";
    snprintf(command, sizeof command, "ls -A '%s' | grep -c upload", the.models);
    FILE *p = popen(command, "r");
    assert_non_null(fgets(out, sizeof out, p));
    pclose(p);
    assert_int_equal(atoi(out), 0);
}

/* A file replaced by a broken one: the old model goes on serving, and the list says why. */
static void a_bad_reload_keeps_the_old(void **state)
{
    (void)state;
    char path[160], temp[170];
    snprintf(path, sizeof path, "%s/steady.safetensors", the.models);
    write_tiny(path, 5);
    assert_int_equal(status_of(&(request){.method = "POST", .path = "/models/reload", .body = ""}),
                     422);
    reply before = post("/models/steady/predict", BODY);
    assert_int_equal(before.status, 200);
    snprintf(temp, sizeof temp, "%s.new", path);
    FILE *f = fopen(temp, "w");
    fputs("garbage", f);
    fclose(f);
    assert_int_equal(rename(temp, path), 0);
    reply r = post("/models/reload", "");
    assert_int_equal(r.status, 422);
    assert_non_null(strstr(r.body, "steady"));
    reply_free(&r);
    reply after = post("/models/steady/predict", BODY);
    assert_int_equal(after.status, 200);
    assert_string_equal(after.body, before.body);
    reply_free(&before);
    reply_free(&after);
    unlink(path);
    reply_free(&(reply){0});
    r = post("/models/reload", "");
    assert_non_null(strstr(r.body, "\"removed\":1"));
    reply_free(&r);
    assert_int_equal(version_now("steady"), -1);
}

typedef struct load {
    _Atomic int stop;
    int asked, bad;
} load;

static void *ask_on(void *arg)
{
    load *l = arg;
    CURL *c = curl_easy_init();
    while (!l->stop) {
        reply r =
            send_on(c, &(request){.method = "POST", .path = "/models/hot/predict", .body = BODY});
        l->asked++;
        l->bad += r.status != 200;
        reply_free(&r);
    }
    curl_easy_cleanup(c);
    return NULL;
}

/* Versions are swapped, reloaded and removed while clients ask: none of them notices. */
static void swaps_under_load(void **state)
{
    (void)state;
    enum { N = 4 };
    pthread_t t[N];
    load l[N] = {{0}};
    reply r = put("hot", 1);
    reply_free(&r);
    for (int i = 0; i < N; i++)
        pthread_create(&t[i], NULL, ask_on, &l[i]);
    for (int v = 2; v < 12; v++) {
        char path[64];
        r = put("hot", v);
        assert_int_equal(r.status, 201);
        reply_free(&r);
        if (v % 2)
            kill(the.pid, SIGHUP);
        sprintf(path, "/models/hot/versions/%d", v - 1);
        assert_int_equal(status_of(&(request){.method = "DELETE", .path = path}), 200);
    }
    nap(0.1);
    for (int i = 0; i < N; i++)
        l[i].stop = 1;
    for (int i = 0; i < N; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(l[i].bad, 0);
        assert_true(l[i].asked > 10);
    }
    assert_int_equal(version_now("hot"), 11);
    assert_int_equal(status_of(&(request){.method = "DELETE", .path = "/models/hot"}), 200);
}

static void refuses_to_leave_the_folder(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/models/..",
        "/models/.",
        "/models/../../tmp/x",
        "/models/%2e%2e",
        "/models/%2e%2e%2fx",
        "/models/a%2fb",
        "/models/..%5cx",
        "/models/~root",
        "/models/$(id)",
        "/models/a;b",
        "/models/-rf",
        "/models/0123456789012345678901234567890123456789012345678901234567890123x",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char path[160];
        size_t n;
        snprintf(path, sizeof path, "%s/upload", the.folder);
        write_tiny(path, 1);
        char *text = file_text(path, &n);
        long status = status_of(&(request){.method = "PUT",
                                           .path = paths[i],
                                           .type = "application/octet-stream",
                                           .body = text,
                                           .len = n});
        free(text);
        if (status < 400 || status > 405)
            fail_msg("%s: %ld", paths[i], status);
        status = status_of(&(request){.method = "DELETE", .path = paths[i]});
        if (status < 400 || status > 405)
            fail_msg("DELETE %s: %ld", paths[i], status);
    }
}

/* Prometheus text: every sample has its TYPE before it, every family is in one piece, histograms
 * add up. */
static void metrics_are_well_formed(void **state)
{
    (void)state;
    reply r = get("/metrics");
    assert_int_equal(r.status, 200);
    char family[128] = "", seen[8192] = "";
    double last = -1;
    for (char *line = strtok(r.body, "\n"); line; line = strtok(NULL, "\n")) {
        char name[128], word[160];
        if (sscanf(line, "# TYPE %127s", name) == 1) {
            snprintf(word, sizeof word, " %s ", name);
            assert_null(strstr(seen, word));
            strcat(seen, word);
            strcpy(family, name);
            continue;
        }
        if (line[0] == '#')
            continue;
        size_t n = strcspn(line, "{ ");
        if (strncmp(line, family, strlen(family)))
            fail_msg("%s is not of family %s", line, family);
        assert_true(n >= strlen(family));
        const char *value = strrchr(line, ' ');
        assert_true(value && isfinite(atof(value)));
        if (strstr(line, "_bucket{")) {
            assert_true(strstr(line, "le=\"5e-05\"") || strstr(line, "le=\"1\"}") ||
                        atof(value) >= last);
            last = atof(value);
        }
    }
    static const char *const names[] = {
        " axond_requests_total ",
        " axond_request_seconds ",
        " axond_predict_seconds ",
        " axond_batch_rows ",
        " axond_queue_rows ",
        " axond_build_info ",
        " process_resident_memory_bytes ",
        " axond_ready ",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_non_null(strstr(seen, names[i]));
    reply_free(&r);
    assert_true(metric("axond_models") >= 1);
    assert_true(metric("axond_ready") == 1);
}

static void answers_without_queueing(void **state)
{
    (void)state;
    static const struct {
        const char *path, *says;
    } rows[] = {{"/health", "\"ready\":true"},
                {"/readyz", "\"ready\":true"},
                {"/healthz", "alive"},
                {"/livez", "alive"},
                {"/version", "\"isa\""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reply r = get(rows[i].path);
        assert_int_equal(r.status, 200);
        assert_non_null(strstr(r.body, rows[i].says));
        reply_free(&r);
    }
    char path[512], command[600];
    binary(path, sizeof path);
    snprintf(command, sizeof command, "'%s' health 127.0.0.1:%d >/dev/null", path, the.port);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "'%s' health http://127.0.0.1:%d/nothing >/dev/null 2>&1",
             path, the.port);
    assert_int_not_equal(system(command), 0);
    snprintf(command, sizeof command, "'%s' health 127.0.0.1:1 >/dev/null 2>&1", path);
    assert_int_not_equal(system(command), 0);
}

/* A model may have the name of a path: then that path has the methods of both. */
static void a_model_called_reload(void **state)
{
    (void)state;
    request get_it = {.path = "/models/reload"};
    assert_int_equal(status_of(&get_it), 405);
    reply r = put("reload", 60);
    assert_int_equal(r.status, 201);
    reply_free(&r);
    assert_int_equal(status_of(&get_it), 200);
    assert_int_equal(status_of(&(request){.method = "DELETE", .path = "/models/reload"}), 200);
    assert_int_equal(status_of(&get_it), 405);
}

static void asks_for_keys(void **state)
{
    (void)state;
    char path[160];
    assert_int_equal(stop(), 0);
    snprintf(path, sizeof path, "%s/keys", the.folder);
    FILE *f = fopen(path, "w");
    fputs("# keys\nfirst-key\n\n  second-key  \n", f);
    fclose(f);
    start((const char *[]){"--api-key-file", path, "--log-format", "json", NULL});
    static const struct {
        const char *path, *key;
        int status;
    } rows[] = {
        {"/health", NULL, 200},
        {"/metrics", NULL, 200},
        {"/livez", NULL, 200},
        {"/models", NULL, 401},
        {"/", NULL, 401},
        {"/models", "Authorization: Bearer first-key", 200},
        {"/models", "Authorization: bearer second-key", 200},
        {"/models", "Authorization: Bearer first-ke", 403},
        {"/models", "Authorization: Bearer first-key2", 403},
        {"/models", "Authorization: Bearer ", 403},
        {"/models", "Authorization: Basic first-key", 403},
        {"/models", "Authorization: Bearer # keys", 403},
        {"/nothing", NULL, 404},
        {"/models/reload", NULL, 401},
        {"/models/reload", "Authorization: Bearer first-key", 405},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        long status = status_of(&(request){.path = rows[i].path, .header = {rows[i].key}});
        if (status != rows[i].status)
            fail_msg("%s with %s: %ld", rows[i].path, rows[i].key ? rows[i].key : "no key", status);
    }
    /* which models there are is not told through Allow either */
    static const char *const names[] = {"/models/tiny", "/models/nothing"};
    for (int i = 0; i < 2; i++) {
        reply r = ask(&(request){.method = "POST", .path = names[i], .body = "{}"});
        assert_int_equal(r.status, 405);
        assert_non_null(strstr(r.headers, "Allow: GET, HEAD, PUT, DELETE, OPTIONS\r\n"));
        reply_free(&r);
    }
    /* where a key is asked for, a page may come from any name of the server */
    assert_int_equal(status_of(&(request){.method = "POST",
                                          .path = "/models/nothing/predict",
                                          .body = "{\"inputs\":[1]}",
                                          .header = {"Authorization: Bearer first-key", "Host: our.example",
                                                     "Origin: http://our.example"}}),
                     404);
    assert_int_equal(stop(), 0);
    f = fopen(the.log, "r"); /* every line of the log is one JSON object */
    char line[4096];
    int lines = 0;
    while (fgets(line, sizeof line, f)) {
        cJSON *j = cJSON_Parse(line);
        if (!cJSON_IsObject(j))
            fail_msg("%s", line);
        cJSON_Delete(j);
        lines++;
    }
    fclose(f);
    assert_true(lines > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_and_describes),
        cmocka_unit_test(versions_come_and_go),
        cmocka_unit_test(a_bad_upload_changes_nothing),
        cmocka_unit_test(a_bad_reload_keeps_the_old),
        cmocka_unit_test(swaps_under_load),
        cmocka_unit_test(refuses_to_leave_the_folder),
        cmocka_unit_test(metrics_are_well_formed),
        cmocka_unit_test(answers_without_queueing),
        cmocka_unit_test(a_model_called_reload),
        cmocka_unit_test(asks_for_keys),
    };
    curl_global_init(CURL_GLOBAL_ALL);
    return cmocka_run_group_tests(tests, setup, teardown);
}
