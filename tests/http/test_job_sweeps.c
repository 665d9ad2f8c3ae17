/* Sweeps over HTTP: the runs are jobs, the sweep ends with the last, its table has means and
 * deviations that can be checked against the runs, the best is published; cancel, resume, delete, a
 * server that is killed in the middle. */
#include "jobs.h"

static const char *const flags[] = {"--job-threads", "1", NULL};

static char *sweep_text(int epochs, const char *sweep, const char *more)
{
    char extra[512];
    snprintf(extra, sizeof extra, ",\"sweep\":%s%s", sweep, more);
    return job_spec("winner", 120, epochs, extra);
}

static double figure_of(const char *id, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/jobs/%s", id);
    cJSON *o = object(get(path));
    assert_string_equal(cJSON_GetStringValue(at(o, "state")), "succeeded");
    double v = num(at(o, "result"), name);
    cJSON_Delete(o);
    return v;
}

/* The mean and the deviation of a row are those of its runs; the least of all is the best. */
static double check_row(const cJSON *row, const char **best, double least)
{
    const cJSON *id, *runs = at(row, "runs");
    double v[8], mean = 0, std = 0;
    int n = 0;
    cJSON_ArrayForEach(id, runs)
    {
        v[n] = figure_of(id->valuestring, "val_loss");
        if (v[n] < least) {
            least = v[n];
            *best = id->valuestring;
        }
        mean += v[n++];
    }
    mean /= n;
    for (int i = 0; i < n; i++)
        std += (v[i] - mean) * (v[i] - mean);
    assert_true(fabs(num(at(row, "val_loss"), "mean") - mean) < 1e-12);
    assert_true(fabs(num(at(row, "val_loss"), "std") - sqrt(std / (n - 1))) < 1e-12);
    assert_true(num(at(row, "dead_share"), "mean") >= 0);
    assert_true(num(at(row, "seconds_per_epoch"), "mean") > 0);
    assert_int_equal(num(row, "succeeded"), n);
    return least;
}

static void test_life(void **state)
{
    (void)state;
    char *text = sweep_text(
        4, "{\"activation\":[\"relu\",{\"formula\":\"x*sigmoid(x)\"}],\"seed\":[1,2,3]}", "");
    int id = post_job(text, NULL);
    assert_int_equal(id, 1);
    await(id, "succeeded", 120);
    cJSON *o = object(get("/jobs/1/table"));
    const cJSON *row, *table = at(o, "table");
    const char *best = "";
    double least = INFINITY;
    assert_int_equal(cJSON_GetArraySize(table), 2);
    cJSON_ArrayForEach(row, table) least = check_row(row, &best, least);
    assert_string_equal(cJSON_GetStringValue(at(at(o, "best"), "id")), best);
    assert_true(num(at(o, "best"), "value") == least);
    reply csv = get("/jobs/1/table.csv");
    assert_int_equal(count(csv.body, "\n"), 3);
    assert_non_null(strstr(csv.body, "activation,runs,succeeded,val_loss_mean,val_loss_std"));
    assert_non_null(strstr(csv.body, "\n\"{\"\"formula\"\":\"\"x*sigmoid(x)\"\"}\",3,3,"));
    reply_free(&csv);
    reply chart = get("/jobs/1/chart.svg");
    assert_non_null(strstr(chart.headers, "Content-Type: image/svg+xml"));
    assert_int_equal(count(chart.body, "<path class=\"f s"),
                     4); /* two curves, two lines of the legend */
    assert_non_null(strstr(chart.body, ">relu</text>"));
    assert_non_null(strstr(chart.body, ">x*sigmoid(x)</text>"));
    reply_free(&chart);
    cJSON_Delete(o);
    o = object(get("/jobs/1"));
    assert_string_equal(cJSON_GetStringValue(at(at(o, "result"), "model")), "winner");
    assert_int_equal(num(at(o, "runs"), "total"), 6);
    assert_int_equal(num(o, "progress"), 1);
    cJSON_Delete(o);
    char hash[128];
    assert_true(strlen(hash_of("winner", 1, hash)) > 0);
    reply events = get("/jobs/1/events");
    assert_int_equal(count(events.body, "event: run\n"), 6);
    assert_int_equal(count(events.body, "event: done\n"), 1);
    reply_free(&events);
    assert_int_equal(act(2, "DELETE", ""), 409); /* a run goes with its sweep */
    assert_int_equal(act(1, "DELETE", ""), 200);
    assert_int_equal(act(2, "GET", ""), 404);
    free(text);
}

typedef struct posting {
    char *text;
    int id;
    _Atomic int over;
} posting;

static void *post_it(void *arg)
{
    posting *p = arg;
    p->id = post_job(p->text, NULL);
    p->over = 1;
    return NULL;
}

/* How many specs there are, in place or on their way. */
static int count_specs(void)
{
    char command[256];
    int n = 0;
    snprintf(command, sizeof command, "find '%s/jobs' -name spec.json 2>/dev/null | wc -l",
             the.state);
    FILE *f = popen(command, "r");
    assert_int_equal(fscanf(f, "%d", &n), 1);
    pclose(f);
    return n;
}

/* While the files of a long sweep are written others are answered. */
static void test_long(void **state)
{
    (void)state;
    enum { RUNS = 256 };
    char axes[2048] = "{\"seed\":[", command[256];
    int between = 0;
    stop();
    start((const char *[]){"--job-threads", "1", "--max-queued-jobs", "1000", NULL});
    for (int i = 0; i < RUNS; i++)
        snprintf(axes + strlen(axes), sizeof axes - strlen(axes), "%s%d", i ? "," : "", i);
    strcat(axes, "]}");
    for (int tries = 0; tries < 10 && !between; tries++) {
        posting p = {.text = job_spec("winner", 3000, 100000, "")};
        char *more = malloc(strlen(p.text) + sizeof axes + 16);
        pthread_t thread;
        sprintf(more, "{\"sweep\":%s,%s", axes, p.text + 1);
        free(p.text);
        p.text = more;
        int before = count_specs();
        assert_int_equal(pthread_create(&thread, NULL, post_it, &p), 0);
        while (!p.over && !between) {
            int asked = count_specs();
            assert_int_equal(status_of(&(request){.path = "/jobs?limit=1"}), 200);
            between = asked > before && count_specs() < before + RUNS;
        }
        pthread_join(thread, NULL);
        assert_int_equal(count_specs(), before + RUNS);
        act(p.id, "POST", "/cancel");
        await(p.id, "cancelled", 60);
        assert_int_equal(act(p.id, "DELETE", ""), 200);
        free(more);
    }
    assert_true(between);
    snprintf(command, sizeof command, "ls '%s/jobs' | grep -q hold-", the.state);
    assert_int_not_equal(system(command), 0);
    stop();
    start(flags);
}

static void test_control(void **state)
{
    (void)state;
    char *text = sweep_text(100000, "{\"batch_size\":[8,16]}", ""), now[128];
    int id = post_job(text, NULL);
    await(id + 1, "running", 30);
    assert_int_equal(act(id, "DELETE", ""), 409);
    long status = act(id, "POST", "/cancel");
    assert_true(status == 202 || status == 200);
    await(id, "cancelled", 60);
    assert_string_equal(job_state(id + 1, now), "cancelled");
    assert_string_equal(job_state(id + 2, now), "cancelled");
    assert_int_equal(act(id + 1, "POST", "/resume"), 409); /* a run goes on with its sweep */
    assert_int_equal(act(id, "POST", "/resume"), 202);
    assert_string_equal(job_state(id, now), "running");
    await(id + 1, "running", 30);
    act(id, "POST", "/cancel");
    await(id, "cancelled", 60);
    assert_int_equal(act(id, "DELETE", ""), 200);
    free(text);
}

static void test_killed(void **state)
{
    (void)state;
    char *text = sweep_text(3000, "{\"batch_size\":[8,16,32]}", "");
    int id = post_job(text, NULL);
    await(id + 1, "running", 30);
    nap(0.3);
    kill(the.pid, SIGKILL);
    waitpid(the.pid, NULL, 0);
    start(flags);
    await(id, "succeeded", 200);
    cJSON *o = object(get("/jobs?state=succeeded"));
    assert_int_equal(cJSON_GetArraySize(at(o, "jobs")), 4);
    cJSON_Delete(o);
    free(text);
}

/* Where the models belong there is a file for a while: nothing can be published. What went wrong is
 * told as api.md says, and the sweep, all of whose runs succeeded, goes on with the publishing. */
static void test_publishing(void **state)
{
    (void)state;
    char *text = sweep_text(3, "{\"seed\":[1,2]}", ""), away[128], path[64];
    snprintf(away, sizeof away, "%s/away", the.folder);
    int id = post_job(text, NULL);
    assert_int_equal(rename(the.models, away), 0);
    close(open(the.models, O_CREAT | O_WRONLY, 0600));
    await(id, "failed", 60);
    assert_int_equal(unlink(the.models) | rename(away, the.models), 0);
    snprintf(path, sizeof path, "/jobs/%d", id);
    cJSON *o = object(get(path));
    assert_non_null(strstr(cJSON_GetStringValue(at(at(o, "error"), "message")), "models folder"));
    assert_non_null(cJSON_GetStringValue(at(at(o, "error"), "code")));
    cJSON_Delete(o);
    assert_int_equal(act(id, "POST", "/resume"), 202);
    await(id, "succeeded", 60);
    assert_int_equal(act(id, "DELETE", ""), 200);
    free(text);
}

/* A run that fails leaves the others alone; a sweep none of whose runs succeeds has failed. */
static void test_failures(void **state)
{
    (void)state;
    static const char spec[] = "{\"model\":{\"inputs\":[{\"name\":\"x\",\"shape\":[1]}],\"layers\":"
                               "[{\"type\":\"dense\",\"units\":64},"
                               "{\"type\":\"dense\",\"units\":64},{\"type\":\"dense\",\"units\":1}]"
                               "},\"dataset\":{\"x\":[[1],[2],[3]],"
                               "\"y\":[5,6,7]},\"epochs\":50,\"optimizer\":\"sgd\",\"sweep\":{"
                               "\"optimizer.learning_rate\":[%s]}}";
    char text[1024], path[64];
    snprintf(text, sizeof text, spec, "1e-4,1000");
    int id = post_job(text, NULL);
    await(id, "succeeded", 60);
    snprintf(path, sizeof path, "/jobs/%d", id);
    cJSON *o = object(get(path));
    assert_int_equal(num(at(o, "runs"), "failed"), 1);
    assert_int_equal(num(at(o, "runs"), "succeeded"), 1);
    cJSON_Delete(o);
    snprintf(text, sizeof text, spec, "1000");
    id = post_job(text, NULL);
    await(id, "failed", 60);
    snprintf(path, sizeof path, "/jobs/%d", id);
    o = object(get(path));
    assert_string_equal(cJSON_GetStringValue(at(at(o, "error"), "code")), "no_run_succeeded");
    cJSON_Delete(o);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sweep;
        int status;
        const char *at, *word;
    } rows[] = {
        {"{}", 400, "sweep", "object"},
        {"{\"seed\":[]}", 400, "sweep.seed", "the list of values of 'seed' is empty"},
        {"{\"seed\":7}", 400, "sweep.seed", "'seed' is not a list of values"},
        {"{\"activation\":[\"relu\",\"rellu\"]}", 422, "model.layers[0].activation", "rellu"},
        {"{\"nonsense\":[1,2]}", 400, "nonsense", "nonsense"},
        {"{\"epochs\":[1,0]}", 400, "epochs", "epochs"},
        {"{\"model.layers[7].units\":[1]}", 422, "sweep.model.layers[7].units", "layers[7]"},
        {"{\"seed\":[1,2,3,4,5,6,7,8,9,10,11],\"batch_size\":[1,2,3,4,5,6,7,8,9,10]}", 422, "",
         "wait"},
    };
    double before = metric("axond_jobs{state=\"succeeded\"}");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *text = sweep_text(2, rows[i].sweep, ""), place[128];
        reply r = post("/train", text);
        if (r.status != rows[i].status || !strstr(r.body, rows[i].word) ||
            strcmp(field(r.body, "at", place), rows[i].at))
            fail_msg("%s: %ld %s", rows[i].sweep, r.status, r.body);
        reply_free(&r);
        free(text);
    }
    assert_true(metric("axond_jobs{state=\"queued\"}") == 0 &&
                metric("axond_jobs{state=\"succeeded\"}") == before);
}

static int setup(void **state)
{
    (void)state;
    return start_with(flags);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),       cmocka_unit_test(test_control),
        cmocka_unit_test(test_long),       cmocka_unit_test(test_killed),
        cmocka_unit_test(test_publishing), cmocka_unit_test(test_failures),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, setup, stop_and_remove);
}
