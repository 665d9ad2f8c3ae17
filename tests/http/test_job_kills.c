/* Trainings whose process, or whose server, is killed again and again at random moments: each job
 * ends as it would have ended, with the same bits, once, and the database is whole each time.
 * AXOND_TEST_KILLS=50 makes it 50 of each kind. */
#include <sqlite3.h>

#include "jobs.h"

enum { SAMPLES = 400, EPOCHS = 2000 };
static const char *const flags[] = {"--checkpoint-s", "1", "--job-threads", "1", NULL};
static uint64_t draws;
static double whole; /* seconds that an unbroken training takes */

static double between(double a, double b)
{
    return a + (b - a) * (double)ax_rng_uniform((ax_rng){.seed = (uint64_t)time(NULL), .stream = 9},
                                                draws++);
}

static int kills(void)
{
    const char *n = getenv("AXOND_TEST_KILLS");
    return n ? atoi(n) : 4;
}

static int keep_answer(void *ctx, int n, char **values, char **names)
{
    (void)names;
    if (n)
        snprintf(ctx, 128, "%s", values[0]);
    return 0;
}

/* No server has the file open. */
static void check_database(void)
{
    sqlite3 *db;
    char path[160], answer[128] = "";
    snprintf(path, sizeof path, "%s/axond.db", the.state);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA integrity_check", keep_answer, answer, NULL),
                     SQLITE_OK);
    assert_string_equal(answer, "ok");
    sqlite3_close(db);
}

static void kill_worker(void)
{
    pid_t pid = worker();
    if (pid)
        kill(pid, SIGKILL);
}

static void kill_server(void)
{
    kill(the.pid, SIGKILL);
    waitpid(the.pid, NULL, 0);
    check_database();
    start(flags);
}

static void kill_both(void)
{
    pid_t pid = worker();
    kill(the.pid, SIGSTOP); /* so that it does not see the death of the other */
    if (pid)
        kill(pid, SIGKILL);
    kill_server();
}

static void stop_server(void)
{
    assert_int_equal(stop(), 0);
    check_database();
    start(flags);
}

/* What one job comes to under such blows, compared with an unbroken run. */
static void survives(void (*blow)(void))
{
    char *spec = job_spec("points", SAMPLES, EPOCHS, ",\"seed\":5,\"checkpoint_every\":7"),
         state[128];
    int before = (int)metric("axond_jobs{state=\"succeeded\"}"), posted = 0, id = 0, hits = 0;
    for (int i = 0; i < kills(); i++) {
        if (!id || !strcmp(job_state(id, state), "succeeded")) {
            id = post_job(spec, NULL);
            posted++;
        }
        nap(between(0.05, 0.7 * whole < 2 ? 0.7 * whole : 2));
        hits += worker() != 0;
        blow();
    }
    print_message("%d blows, %d at a running training, %d jobs\n", kills(), hits, posted);
    assert_true(hits > 0);
    await(id, "succeeded", 200);
    assert_int_equal((int)metric("axond_jobs{state=\"succeeded\"}"), before + posted);
    assert_int_equal((int)metric("axond_jobs{state=\"running\"}") +
                         (int)metric("axond_jobs{state=\"queued\"}") +
                         (int)metric("axond_jobs{state=\"failed\"}"),
                     0);
    free(spec);
}

/* All versions have the bytes of the first, and there are as many as jobs. */
static void check_versions(void)
{
    char first[128], other[128];
    int jobs = (int)metric("axond_jobs{state=\"succeeded\"}");
    assert_true(strlen(hash_of("points", 1, first)) > 0);
    for (int v = 2; v <= jobs; v++)
        assert_string_equal(hash_of("points", v, other), first);
    assert_string_equal(hash_of("points", jobs + 1, other), "");
}

static void test_unbroken(void **state)
{
    (void)state;
    char *spec = job_spec("points", SAMPLES, EPOCHS, ",\"seed\":5,\"checkpoint_every\":7");
    whole = seconds();
    await(post_job(spec, NULL), "succeeded", 200);
    whole = seconds() - whole;
    free(spec);
    check_versions();
}

static void test_worker(void **state)
{
    (void)state;
    survives(kill_worker);
    check_versions();
}

static void test_server(void **state)
{
    (void)state;
    survives(kill_server);
    check_versions();
}

static void test_both(void **state)
{
    (void)state;
    survives(kill_both);
    check_versions();
}

static void test_stop(void **state)
{
    (void)state;
    survives(stop_server);
    check_versions();
}

static int setup(void **state)
{
    (void)state;
    return start_with(flags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unbroken), cmocka_unit_test(test_worker),
        cmocka_unit_test(test_server),   cmocka_unit_test(test_both),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, setup, stop_and_remove);
}
