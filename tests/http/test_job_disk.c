/* The disk under the state folder runs full: what is served goes on, a new job is refused with 507,
 * a running one fails with the reason, and when there is room again all is well. Needs to mount a
 * small file system, so it is skipped where that is not allowed. */
#include <sys/mount.h>

#include "jobs.h"

static const char *const flags[] = {"--checkpoint-s", "1", "--job-threads", "1", NULL};
static int mounted;

static void filler(char path[160])
{
    snprintf(path, 160, "%s/filler", the.state);
}

static void fill_disk(void)
{
    char path[160], block[4096] = {0};
    filler(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    while (write(fd, block, sizeof block) > 0) {
    }
    close(fd);
}

static void empty_disk(void)
{
    char path[160];
    filler(path);
    assert_int_equal(unlink(path), 0);
}

static void predicts(void)
{
    assert_int_equal(status_of(&(request){.method = "POST",
                                          .path = "/predict",
                                          .body = "{\"model\":\"tiny\",\"inputs\":[[1,2,3,4]]}"}),
                     200);
}

static void test_full(void **state)
{
    (void)state;
    if (!mounted)
        skip();
    char *spec = job_spec("points", 300, 100000, ""), now[128] = "";
    int id = post_job(spec, NULL);
    await(id, "running", 30);
    nap(0.5);
    fill_disk();
    for (double end = seconds() + 20; seconds() < end && strcmp(now, "failed"); nap(0.1)) {
        long status;
        predicts();
        assert_int_equal(post_job(spec, &status), 0);
        assert_int_equal(status, 507);
        job_state(id, now);
    }
    empty_disk();
    await(id, "failed", 20); /* at the latest now, when it can be written down */
    reply r = job(id);
    if (!strstr(r.body, "No space left"))
        fail_msg("%s", r.body);
    reply_free(&r);
    predicts();
    assert_int_equal(act(id, "POST", "/resume"), 202);
    await(id, "running", 30);
    assert_int_equal(act(id, "POST", "/cancel"), 202);
    await(id, "cancelled", 60);
    free(spec);
}

/* A server that starts on a full disk serves its models, says what it cannot do, and takes jobs as
 * soon as there is room; those of before are there again. */
static void test_full_at_start(void **state)
{
    (void)state;
    if (!mounted)
        skip();
    char *spec = job_spec("points", 300, 3, "");
    long status;
    assert_int_equal(stop(), 0);
    fill_disk();
    start(flags);
    assert_int_equal(post_job(spec, &status), 0);
    assert_int_equal(status, 507);
    assert_int_equal(act(1, "GET", ""), 503);
    assert_int_equal(status_of(&(request){.path = "/jobs"}), 503);
    predicts();
    empty_disk();
    await(post_job(spec, NULL), "succeeded", 60);
    assert_int_equal(act(1, "GET", ""), 200);
    free(spec);
}

static int setup(void **state)
{
    (void)state;
    folder_new();
    mkdir(the.state, 0777);
    mounted = mount("tmpfs", the.state, "tmpfs", 0, "size=3m") == 0;
    return start_with(flags);
}

static int teardown(void **state)
{
    (void)state;
    stop();
    if (mounted)
        umount(the.state);
    folder_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_full),
                                       cmocka_unit_test(test_full_at_start)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
