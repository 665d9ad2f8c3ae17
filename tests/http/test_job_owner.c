/* The folder of --state has one server: who writes there first, a job or a data set, has it, and
 * the other, which began when there was no such folder yet, is told so. */
#include "jobs.h"

static const char table[] = "a,b,kind\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n";
static server first;

static void swap(void)
{
    server other = the;
    the = first;
    first = other;
}

/* Two servers of one state folder, which is not there; `the` is the second. */
static void start_two(void)
{
    start(NULL);
    first = the;
    snprintf(the.log, sizeof the.log, "%s/log-2", the.folder);
    start(NULL);
    assert_int_equal(access(the.state, F_OK), -1);
}

static reply put_set(const char *path)
{
    return ask(&(request){.method = "PUT", .path = path, .type = "text/csv", .body = table});
}

static void is_refused(reply r)
{
    char code[128];
    assert_int_equal(r.status, 503);
    assert_string_equal(field(r.body, "code", code), "no_state");
    assert_non_null(strstr(r.body, "another axond"));
    assert_non_null(strstr(r.headers, "Retry-After: "));
    reply_free(&r);
}

static void is_put(reply r)
{
    assert_int_equal(r.status, 201);
    reply_free(&r);
}

/* What the second would write is refused, before anything is written. */
static void refuses_all(void)
{
    char *spec = job_spec("points", 60, 2, ""), path[160];
    is_refused(put_set("/datasets/late"));
    is_refused(post("/train", spec));
    snprintf(path, sizeof path, "%s/datasets/late", the.state);
    assert_int_equal(access(path, F_OK), -1);
    free(spec);
}

static void stop_both(void)
{
    char command[128];
    assert_int_equal(stop(), 0);
    swap();
    stop();
    snprintf(command, sizeof command, "rm -rf '%s'", the.state);
    assert_int_equal(system(command), 0);
}

static void test_first_a_job(void **state)
{
    (void)state;
    start_two();
    char *spec = job_spec("points", 60, 2, "");
    swap();
    await(post_job(spec, NULL), "succeeded", 60);
    swap();
    refuses_all();
    swap();
    is_put(put_set("/datasets/mine"));
    swap();
    free(spec);
    stop_both();
}

/* The data set is written by who came first; when that one has ended the other may go on, and what
 * it finds counts as kept. */
static void test_first_a_data_set(void **state)
{
    (void)state;
    char left[160];
    start_two();
    swap();
    is_put(put_set("/datasets/mine"));
    swap();
    refuses_all();
    is_refused(ask(&(request){.method = "DELETE", .path = "/datasets/mine"}));
    swap();
    kill(the.pid, SIGKILL);
    waitpid(the.pid, NULL, 0);
    the.pid = 0;
    swap();
    snprintf(left, sizeof left, "%s/datasets/.upload-abcdef", the.state);
    close(open(left, O_CREAT | O_WRONLY, 0600));
    is_put(put_set("/datasets/late"));
    assert_int_equal(access(left, F_OK), -1);
    reply r = get("/datasets");
    assert_non_null(strstr(r.body, "\"name\":\"mine\""));
    assert_non_null(strstr(r.body, "\"name\":\"late\""));
    cJSON *o = object(r);
    assert_true(num(o, "bytes") > 2 * (double)strlen(table));
    cJSON_Delete(o);
    stop_both();
}

/* The folder is removed under a running server: it takes nothing more that would be lost. */
static void test_removed(void **state)
{
    (void)state;
    char command[128], code[128];
    char *spec = job_spec("points", 60, 2, "");
    start(NULL);
    is_put(put_set("/datasets/mine"));
    await(post_job(spec, NULL), "succeeded", 60);
    snprintf(command, sizeof command, "rm -rf '%s'", the.state);
    assert_int_equal(system(command), 0);
    for (int i = 0; i < 2; i++) {
        reply r = i ? post("/train", spec) : put_set("/datasets/late");
        assert_int_equal(r.status, 503);
        assert_string_equal(field(r.body, "code", code), "no_state");
        assert_non_null(strstr(r.body, "removed or replaced"));
        reply_free(&r);
    }
    assert_int_equal(access(the.state, F_OK), -1);
    stop();
    free(spec);
}

/* Where the folder is there a second server does not start. */
static void test_not_started(void **state)
{
    (void)state;
    char line[1024];
    mkdir(the.state, 0777);
    start(NULL);
    first = the;
    snprintf(the.log, sizeof the.log, "%s/log-2", the.folder);
    char path[512];
    binary(path, sizeof path);
    the.pid = fork();
    if (!the.pid) {
        dup2(open(the.log, O_CREAT | O_TRUNC | O_WRONLY, 0666), 2);
        execl(path, path, "serve", "--listen", "127.0.0.1:0", "--models", the.models, "--state",
              the.state, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(the.pid, &status, 0), the.pid);
    the.pid = 0;
    assert_int_equal(WEXITSTATUS(status), 1);
    assert_true(log_has("another axond has the state folder", line, sizeof line));
    swap();
    assert_int_equal(stop(), 0);
}

static int setup(void **state)
{
    (void)state;
    curl_global_init(CURL_GLOBAL_ALL);
    folder_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stop();
    swap();
    stop();
    folder_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_a_job),
        cmocka_unit_test(test_first_a_data_set),
        cmocka_unit_test(test_removed),
        cmocka_unit_test(test_not_started),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
