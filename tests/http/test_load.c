/* More than the server can do: slow models beside fast ones, deadlines, a full queue, memory, and
 * what SIGTERM does meanwhile. */
#include "transport.h"

static const char *const flat_flags[] = {COMMON, "--header-timeout-s", "60", NULL};
static const char *const narrow_flags[] = {COMMON, "--max-queue", "3", NULL};
static const char *const late_flags[] = {COMMON,        "--max-delay-us", "200000",
                                         "--inline-us", "1000000",        NULL};
static const char *const short_flags[] = {COMMON, "--drain-timeout-s", "0", NULL};

/* AddressSanitizer keeps what is freed, 256 MB of it; for this server less. */
static int flat(void **state)
{
    (void)state;
    setenv("ASAN_OPTIONS", "quarantine_size_mb=1:thread_local_quarantine_size_kb=64", 1);
    int r = run_with(flat_flags);
    unsetenv("ASAN_OPTIONS");
    return r;
}

static int narrow(void **state)
{
    (void)state;
    return run_with(narrow_flags);
}

static int late(void **state)
{
    (void)state;
    return run_with(late_flags);
}

static int curt(void **state)
{
    (void)state;
    return run_with(short_flags);
}

static void *ask_slow(void *arg)
{
    long *status = arg;
    reply r = post("/models/slow/predict", "{\"inputs\":[[1,2,3,4]],\"deadline_ms\":60000}");
    *status = r.status;
    reply_free(&r);
    return NULL;
}

/* While a model computes for long, health and small models answer at once. */
static void stays_responsive(void **state)
{
    (void)state;
    enum { N = 8 };
    pthread_t t[N];
    long status[N];
    for (int i = 0; i < N; i++)
        pthread_create(&t[i], NULL, ask_slow, &status[i]);
    double worst = 0;
    CURL *c = curl_easy_init();
    for (int i = 0; i < 50; i++) {
        double from = seconds();
        reply r = send_on(c, &(request){.path = "/health"});
        assert_int_equal(r.status, 200);
        reply_free(&r);
        if (seconds() - from > worst)
            worst = seconds() - from;
    }
    curl_easy_cleanup(c);
    for (int i = 0; i < N; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(status[i], 200);
    }
    assert_true(worst < 2);
}

static void keeps_deadlines(void **state)
{
    (void)state;
    enum { N = 6 };
    pthread_t t[N];
    long status[N];
    for (int i = 0; i < N; i++)
        pthread_create(&t[i], NULL, ask_slow, &status[i]);
    nap(0.02);
    int late = 0;
    for (int i = 0; i < 20; i++) {
        reply r = post("/models/slow/predict", "{\"inputs\":[[1,2,3,4]],\"deadline_ms\":1}");
        late += r.status == 504;
        assert_true(r.status == 200 || r.status == 504);
        reply_free(&r);
    }
    for (int i = 0; i < N; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(status[i], 200);
    }
    assert_true(late > 10);
}

typedef struct asked {
    long status;
    int retry_after;
} asked;

static void *ask_and_see(void *arg)
{
    asked *a = arg;
    reply r = post("/models/slow/predict", BODY);
    const char *at = strstr(r.headers, "Retry-After: ");
    a->status = r.status;
    a->retry_after = at ? atoi(at + 13) : 0;
    reply_free(&r);
    return NULL;
}

/* A full queue says so, and when to come back. */
static void refuses_when_the_queue_is_full(void **state)
{
    (void)state;
    enum { N = 24 };
    pthread_t t[N];
    asked a[N];
    int full = 0;
    for (int i = 0; i < N; i++)
        pthread_create(&t[i], NULL, ask_and_see, &a[i]);
    for (int i = 0; i < N; i++) {
        pthread_join(t[i], NULL);
        assert_true(a[i].status == 200 || a[i].status == 429);
        full += a[i].status == 429;
        assert_int_equal(a[i].status == 429, a[i].retry_after >= 1);
    }
    assert_in_range(full, 1, N - 3);
    assert_true(metric("axond_rejected_total{reason=\"queue_full\"}") == full);
    assert_true(metric("axond_queue_requests") == 0);
}

/* With a delay, requests that come within it share a batch. */
static void waits_for_company(void **state)
{
    (void)state;
    double batches = metric("axond_batches_total"), from = seconds();
    burst(10, 1);
    assert_true(seconds() - from >= 0.2);
    assert_true(metric("axond_batches_total") - batches < 10);
}

/* Without time to drain, the process ends at once and still with 0. */
static void gives_up_draining(void **state)
{
    (void)state;
    enum { N = 4 };
    pthread_t t[N];
    asked a[N];
    for (int i = 0; i < N; i++)
        pthread_create(&t[i], NULL, ask_and_see, &a[i]);
    nap(0.02);
    double from = seconds();
    assert_int_equal(stop(), 0);
    assert_true(seconds() - from < 10);
    for (int i = 0; i < N; i++)
        pthread_join(t[i], NULL);
}

/* Tens of thousands of requests of all sizes, refused and answered, leave no memory behind. The thread
 * sanitizer keeps notes of its own about each stretch of memory that was ever used. */
#ifdef __SANITIZE_THREAD__
enum { GROWTH = 16 << 20 };
#else
enum { GROWTH = 2 << 20 };
#endif

static void memory_stays_flat(void **state)
{
    (void)state;
    CURL *c = curl_easy_init();
    static char junk[60000];
    double base = 0;
    memset(junk, ' ', sizeof junk - 1);
    for (int round = 0; round < 6; round++) {
        for (int i = 0; i < 600; i++) {
            request q = {.method = "POST",
                         .path = i % 7 ? "/predict" : "/nothing",
                         .body = i % 3 ? BODY : junk};
            reply r = send_on(c, &q);
            reply_free(&r);
        }
        burst(100, 1);
        double now = metric("process_resident_memory_bytes");
        if (round == 2)
            base = now;
        if (round > 2)
            assert_true(now < base + GROWTH);
    }
    curl_easy_cleanup(c);
}

static void *ask_often(void *arg)
{
    int *bad = arg;
    CURL *c = curl_easy_init();
    for (int i = 0; i < 2000; i++) {
        reply r = send_on(c, &(request){.method = "POST", .path = "/predict", .body = BODY});
        int last = !r.status || strstr(r.headers, "Connection: close");
        *bad += r.status && r.status != 200;
        reply_free(&r);
        if (last)
            break;
    }
    curl_easy_cleanup(c);
    return NULL;
}

/* SIGTERM under load: running requests get their answer, the process ends with 0 and soon. */
static void drains(void **state)
{
    (void)state;
    enum { N = 6, SLOW = 4 };
    pthread_t t[N], s[SLOW];
    int bad[N] = {0};
    long status[SLOW];
    for (int i = 0; i < N; i++)
        pthread_create(&t[i], NULL, ask_often, &bad[i]);
    for (int i = 0; i < SLOW; i++)
        pthread_create(&s[i], NULL, ask_slow, &status[i]);
    int idle = dial();
    nap(0.1);
    double from = seconds();
    assert_int_equal(stop(), 0);
    assert_true(seconds() - from < 15);
    for (int i = 0; i < N; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(bad[i], 0);
    }
    for (int i = 0; i < SLOW; i++) {
        pthread_join(s[i], NULL);
        assert_int_equal(status[i], 200);
    }
    char text[64];
    assert_int_equal(hear(idle, text, sizeof text, NULL), 0);
    close(idle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(stays_responsive, patient),
        cmocka_unit_test_setup(keeps_deadlines, patient),
        cmocka_unit_test_setup(memory_stays_flat, flat),
        cmocka_unit_test_setup(drains, patient),
        cmocka_unit_test_setup(refuses_when_the_queue_is_full, narrow),
        cmocka_unit_test_setup(waits_for_company, late),
        cmocka_unit_test_setup(gives_up_draining, curt),
    };
    curl_global_init(CURL_GLOBAL_ALL);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, setup, teardown);
}
