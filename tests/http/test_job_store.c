/* A database that does not answer, or refuses one change: what a full or failing disk does at the
 * worst moment, done here from outside with triggers and hidden tables. Nothing is told as it is
 * not, and everything is done as soon as it can be. */
#include <sqlite3.h>

#include "jobs.h"

static const char *const flags[] = {"--job-threads", "1", NULL};

/* Change the database behind the server's back. */
static void meddle(const char *sql)
{
    sqlite3 *db;
    char path[160];
    snprintf(path, sizeof path, "%s/axond.db", the.state);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void await_log(const char *word)
{
    char line[1024];
    for (double end = seconds() + 60; seconds() < end; nap(0.02))
        if (log_has(word, line, sizeof line))
            return;
    fail_msg("the log does not say '%s'", word);
}

static pid_t await_worker(void)
{
    pid_t pid = 0;
    for (double end = seconds() + 30; seconds() < end && !pid; nap(0.01))
        pid = worker();
    assert_true(pid > 0);
    return pid;
}

/* ---- reading ---- */

/* A job that cannot be read is not one that is not there. */
static void test_unread(void **state)
{
    (void)state;
    char *spec = job_spec("points", 60, 2, "");
    const request keyed = {
        .method = "POST", .path = "/train", .body = spec, .header = {"Idempotency-Key: k"}};
    reply r = ask(&keyed);
    assert_int_equal(r.status, 202);
    char id[128];
    int n = atoi(field(r.body, "id", id));
    reply_free(&r);
    await(n, "succeeded", 60);
    meddle("ALTER TABLE jobs RENAME TO hidden");
    assert_int_equal(act(n, "GET", ""), 503);
    assert_int_equal(act(n, "GET", "/log"), 503);
    assert_int_equal(act(n, "DELETE", ""), 503);
    assert_int_equal(act(n, "GET", "?wait=5"), 503);
    assert_int_equal(status_of(&(request){.path = "/jobs"}), 503);
    assert_int_equal(status_of(&keyed), 503);
    meddle("ALTER TABLE hidden RENAME TO jobs");
    assert_int_equal(act(n, "GET", ""), 200);
    assert_int_equal(status_of(&keyed), 200); /* the same job, not another one */
    free(spec);
}

/* A training that ends while nobody can look it up ends when somebody can. */
static void test_unread_end(void **state)
{
    (void)state;
    char *spec = job_spec("points", 400, 100000, "");
    int id = post_job(spec, NULL);
    await(id, "running", 30);
    pid_t pid = await_worker();
    kill(pid, SIGSTOP); /* so that it does not end before the table is hidden */
    assert_int_equal(act(id, "POST", "/cancel"), 202);
    meddle("ALTER TABLE jobs RENAME TO hidden");
    kill(pid, SIGCONT);
    await_log("its end cannot be recorded yet: the state of the jobs cannot be read");
    meddle("ALTER TABLE hidden RENAME TO jobs");
    await(id, "cancelled", 60);
    free(spec);
}

/* ---- what cannot be written down ---- */

static char *folder_of(int id, const char *name, char path[160])
{
    snprintf(path, 160, "%s/jobs/%d%s", the.state, id, name);
    return path;
}

/* A process that cannot be started is an end of its job like any other: where it cannot be recorded
 * it is recorded later. */
static void test_unborn(void **state)
{
    (void)state;
    char *spec = job_spec("points", 400, 100000, ""), *short_one = job_spec("points", 60, 2, ""),
         path[160];
    int first = post_job(spec, NULL), second = post_job(short_one, NULL);
    await(first, "running", 30);
    mkdir(folder_of(second, "/log", path), 0777); /* no process can write into that */
    meddle("CREATE TRIGGER no BEFORE UPDATE ON jobs WHEN new.state=3 BEGIN SELECT "
           "RAISE(FAIL,'not now'); END");
    assert_int_equal(act(first, "POST", "/cancel"), 202);
    await_log("its end cannot be recorded yet: the state of the jobs cannot be written: not now");
    await(second, "running", 1);
    meddle("DROP TRIGGER no");
    await(second, "failed", 30);
    cJSON *o = object(job(second));
    assert_non_null(strstr(cJSON_GetStringValue(at(at(o, "error"), "message")),
                           "the training process cannot be started"));
    cJSON_Delete(o);
    free(spec);
    free(short_one);
}

/* ---- publishing ---- */

/* Runs of a sweep may, what would be published may not. */
static const char never_succeeded[] =
    "CREATE TRIGGER no BEFORE UPDATE ON jobs WHEN new.state=2 AND new.parent=0 BEGIN SELECT "
    "RAISE(FAIL,'not now'); END";

static void kill_server(void)
{
    kill(the.pid, SIGKILL);
    waitpid(the.pid, NULL, 0);
}

/* Its version is there, its end is not; it is cancelled, and then the server dies. However it goes
 * on, there is no second version. */
static void publish_once(int id, const char *name)
{
    char now[128] = "", hash[128];
    for (double end = seconds() + 60; seconds() < end && !hash_of(name, 1, hash)[0]; nap(0.02)) {
    }
    await_log("its end cannot be recorded yet");
    act(id, "POST", "/cancel");
    act(id, "POST", "/cancel");
    kill_server();
    meddle("DROP TRIGGER no");
    start(flags);
    for (double end = seconds() + 60; seconds() < end && strcmp(now, "succeeded"); nap(0.02))
        if (!strcmp(job_state(id, now), "cancelled"))
            act(id, "POST", "/resume");
    assert_string_equal(now, "succeeded");
    assert_true(hash_of(name, 1, hash)[0]);
    assert_string_equal(hash_of(name, 2, hash), "");
}

static void test_published_once(void **state)
{
    (void)state;
    char *spec = job_spec("once", 60, 2, "");
    meddle(never_succeeded);
    publish_once(post_job(spec, NULL), "once");
    free(spec);
}

static void test_sweep_published_once(void **state)
{
    (void)state;
    char *spec = job_spec("best", 60, 2, ",\"sweep\":{\"seed\":[1,2]}");
    meddle(never_succeeded);
    publish_once(post_job(spec, NULL), "best");
    free(spec);
}

/* ---- sweeps ---- */

static int count_events(int id, const char *what)
{
    char path[64];
    snprintf(path, sizeof path, "/jobs/%d/events", id);
    reply r = get(path);
    int n = count(r.body, what);
    reply_free(&r);
    return n;
}

/* Of a process that somebody killed no more is told than is known. */
static void test_killed(void **state)
{
    (void)state;
    char *spec = job_spec("points", 400, 100000, "");
    int id = post_job(spec, NULL);
    await(id, "running", 30);
    pid_t first = await_worker();
    kill(first, SIGKILL);
    for (double end = seconds() + 30; seconds() < end; nap(0.01))
        if (worker() && worker() != first)
            break;
    act(id, "POST", "/cancel");
    await(id, "cancelled", 60);
    assert_int_equal(count_events(id, "\"reason\":\"its process was ended by SIGKILL, which this "
                                      "server did not send\""),
                     1);
    free(spec);
}

/* Cancelled twice, told once. */
static void test_cancelled_twice(void **state)
{
    (void)state;
    char *spec = job_spec("twice", 400, 100000, ",\"sweep\":{\"seed\":[1,2,3]}");
    int id = post_job(spec, NULL);
    await(id + 1, "running", 30);
    pid_t pid = await_worker();
    kill(pid, SIGSTOP); /* so that it runs still */
    for (int i = 0; i < 3; i++)
        assert_int_equal(act(id, "POST", "/cancel"), 202);
    kill(pid, SIGCONT);
    await(id, "cancelled", 60);
    assert_int_equal(count_events(id, "\"state\":\"running\",\"cancelling\":true"), 1);
    free(spec);
}

/* A resume that cannot be written to its end has not begun. */
static void test_half_resumed(void **state)
{
    (void)state;
    char *spec = job_spec("halves", 400, 100000, ",\"sweep\":{\"seed\":[1,2,3]}"), trigger[256],
         now[128];
    int id = post_job(spec, NULL);
    await(id + 1, "running", 30);
    act(id, "POST", "/cancel");
    await(id, "cancelled", 60);
    snprintf(trigger, sizeof trigger,
             "CREATE TRIGGER no BEFORE UPDATE ON jobs WHEN new.id=%d AND new.state=0 BEGIN SELECT "
             "RAISE(FAIL,'not now'); END",
             id + 2);
    meddle(trigger);
    assert_true(act(id, "POST", "/resume") >= 500);
    kill_server();
    meddle("DROP TRIGGER no");
    start(flags);
    for (int i = 0; i < 4; i++)
        assert_string_equal(job_state(id + i, now), "cancelled");
    assert_int_equal(count_events(id, "event: done"), 1);
    assert_int_equal(act(id, "POST", "/resume"), 202);
    await(id + 1, "running", 30);
    act(id, "POST", "/cancel");
    await(id, "cancelled", 60);
    free(spec);
}

static int setup(void **state)
{
    (void)state;
    return start_with(flags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unread),          cmocka_unit_test(test_unread_end),
        cmocka_unit_test(test_unborn),          cmocka_unit_test(test_killed),
        cmocka_unit_test(test_published_once),  cmocka_unit_test(test_sweep_published_once),
        cmocka_unit_test(test_cancelled_twice), cmocka_unit_test(test_half_resumed),
    };
    return cmocka_run_group_tests(tests, setup, stop_and_remove);
}
