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

static int setup(void **state)
{
    (void)state;
    return start_with(flags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unread),
        cmocka_unit_test(test_unread_end),
        cmocka_unit_test(test_unborn),
    };
    return cmocka_run_group_tests(tests, setup, stop_and_remove);
}
