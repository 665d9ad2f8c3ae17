/* The wire below JSON: keep-alive, pipelining, slow and vanishing clients, limits, many connections
 * at once, and what SIGTERM does. Heads of requests are in test_heads.c. */
#include <sys/resource.h>

#include "harness.h"

#define BODY      "{\"inputs\":[[1,2,3,4]]}"
#define POST_HEAD "POST /predict HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
#define POST      POST_HEAD "Content-Length: 22\r\n\r\n" BODY

#define COMMON                                                                                     \
    "--default-model", "tiny", "--max-body", "100000", "--max-connections", "1100",                \
        "--cors-origin", "https://page.example", "--drain-timeout-s", "30"

static const char *const patient_flags[] = {COMMON, "--header-timeout-s", "60", NULL};
static const char *const hasty_flags[] = {COMMON, "--header-timeout-s", "1", "--body-timeout-s",
                                          "1",    "--idle-timeout-s",   "2", NULL};

static const char *const narrow_flags[] = {COMMON, "--max-queue", "3", NULL};
static const char *const late_flags[] = {COMMON,        "--max-delay-us", "50000",
                                         "--inline-us", "1000000",        NULL};
static const char *const short_flags[] = {COMMON, "--drain-timeout-s", "0", NULL};

/* The server of the next test: one with clocks that nobody meets, or one with short ones. */
static int run_with(const char *const *flags)
{
    static const char *const *now;
    if (the.pid && now == flags)
        return 0;
    if (the.pid && stop())
        return -1;
    start(now = flags);
    return 0;
}

static int patient(void **state)
{
    (void)state;
    return run_with(patient_flags);
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

static int hasty(void **state)
{
    (void)state;
    return run_with(hasty_flags);
}

static int setup(void **state)
{
    (void)state;
    char path[160];
    struct rlimit l = {20000, 20000};
    setrlimit(RLIMIT_NOFILE, &l);
    folder_new();
    snprintf(path, sizeof path, "%s/tiny.safetensors", the.models);
    write_tiny(path, 1);
    snprintf(path, sizeof path, "%s/slow.safetensors", the.models);
    write_slow(path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int code = the.pid ? stop() : 0;
    folder_remove();
    return code;
}

static void keeps_alive(void **state)
{
    (void)state;
    char text[8192];
    int fd = dial();
    for (int i = 0; i < 20; i++) {
        assert_int_equal(say(fd, i % 3 == 2 ? "GET /nothing HTTP/1.1\r\nHost: t\r\n\r\n" : POST),
                         0);
        hear(fd, text, sizeof text, "}\n");
        assert_non_null(strstr(text, i % 3 == 2 ? "HTTP/1.1 404" : "HTTP/1.1 200"));
        assert_null(strstr(text, "Connection: close"));
    }
    close(fd);
}

/* Many requests in one breath, answered in order. */
static void answers_a_pipeline(void **state)
{
    (void)state;
    enum { N = 40 };
    static char all[N * 400], text[N * 1000];
    char *p = all;
    for (int i = 0; i < N; i++) {
        char body[64];
        int n = sprintf(body, "{\"inputs\":[[%d,2,3,4]]}", i);
        p += sprintf(p, POST_HEAD "X-Request-Id: number-%d\r\nContent-Length: %d\r\n\r\n%s", i, n,
                     body);
    }
    int fd = dial();
    assert_int_equal(say(fd, all), 0);
    size_t have = 0;
    while (count(text, "}\n") < N)
        have += hear(fd, text + have, sizeof text - have, "}\n");
    close(fd);
    const char *at = text;
    for (int i = 0; i < N; i++) {
        char id[48];
        sprintf(id, "X-Request-Id: number-%d\r\n", i);
        at = strstr(at, id);
        assert_non_null(at);
    }
}

static void takes_bodies_in_pieces(void **state)
{
    (void)state;
    char text[4096];
    int fd = dial();
    for (const char *p = POST; *p; p++) {
        assert_int_equal(send(fd, p, 1, MSG_NOSIGNAL), 1);
        if (p - POST > 60)
            nap(0.001);
    }
    hear(fd, text, sizeof text, "}\n");
    assert_non_null(strstr(text, "HTTP/1.1 200"));
    assert_int_equal(say(fd, POST_HEAD
                         "Transfer-Encoding: "
                         "chunked\r\n\r\n5\r\n{\"inp\r\n11\r\nuts\":[[1,2,3,4]]}\r\n0\r\n\r\n"),
                     0);
    hear(fd, text, sizeof text, "}\n");
    assert_non_null(strstr(text, "HTTP/1.1 200"));
    close(fd);
}

/* Clients that stop half way are cut by our clocks, and meanwhile others are served. */
static void cuts_slow_clients(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "",
        "POST /pred",
        "POST /predict HTTP/1.1\r\nHost: t\r\n",
        POST_HEAD "Content-Length: 22\r\n\r\n{\"inp",
        POST_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"i",
    };
    enum { N = sizeof parts / sizeof *parts };
    int fd[N];
    double start_time = seconds();
    for (int i = 0; i < N; i++)
        say(fd[i] = dial(), parts[i]);
    for (int i = 0; i < 5; i++)
        assert_int_equal(status_of(&(request){.method = "POST", .path = "/predict", .body = BODY}),
                         200);
    for (int i = 0; i < N; i++) {
        char text[2048];
        hear(fd[i], text, sizeof text, NULL);
        if (i >= 2)
            assert_non_null(strstr(text, "HTTP/1.1 408"));
        close(fd[i]);
    }
    double took = seconds() - start_time;
    assert_true(took > 0.8 && took < 20);
}

/* One byte at a time keeps a connection busy but not for ever. */
static void cuts_dripping_clients(void **state)
{
    (void)state;
    int fd = dial(), i = 0;
    double end = seconds() + 40;
    say(fd, "POST /predict HTTP/1.1\r\n");
    for (; seconds() < end && say(fd, i % 20 ? "x" : "\r\nX: ") == 0; i++)
        nap(0.05);
    assert_true(seconds() < end - 20);
    close(fd);
}

static void closes_idle_connections(void **state)
{
    (void)state;
    char text[4096];
    int fd = dial();
    say(fd, POST);
    hear(fd, text, sizeof text, "}\n");
    double from = seconds();
    assert_int_equal(hear(fd, text, sizeof text, NULL), 0);
    assert_true(seconds() - from > 1 && seconds() - from < 20);
    close(fd);
}

/* A large body that is refused: the client gets to read why, although it is still sending. */
static void refuses_while_the_client_sends(void **state)
{
    (void)state;
    static char junk[1 << 16];
    char text[4096];
    for (int chunked = 0; chunked < 2; chunked++) {
        int fd = dial(), sent = 0;
        memset(junk, ' ', sizeof junk);
        say(fd, chunked ? POST_HEAD "Transfer-Encoding: chunked\r\n\r\n10000000\r\n"
                        : POST_HEAD "Content-Length: 268435456\r\n\r\n");
        fcntl(fd, F_SETFL, O_NONBLOCK);
        for (int i = 0; i < 400 && sent < 20 << 20; i++) { /* keep sending for a while */
            ssize_t n = send(fd, junk, sizeof junk, MSG_NOSIGNAL);
            if (n < 0 && errno != EAGAIN)
                fail_msg("the connection was reset after %d bytes", sent);
            sent += n > 0 ? (int)n : 0;
            if (n < 0)
                nap(0.002);
            struct pollfd p = {.fd = fd, .events = POLLIN};
            if (i > 20 && poll(&p, 1, 0) > 0)
                break;
        }
        fcntl(fd, F_SETFL, 0);
        hear(fd, text, sizeof text, "}\n");
        if (!strstr(text, "HTTP/1.1 413"))
            fail_msg("got: %s", text);
        close(fd);
    }
}

/* n connections whose requests all become ready at the same moment, round after round. */
static void burst(int n, int rounds)
{
    int *fd = malloc(sizeof *fd * (size_t)n);
    for (int i = 0; i < n; i++)
        fd[i] = dial();
    for (int r = 0; r < rounds; r++) {
        for (int i = 0; i < n; i++)
            assert_int_equal(say(fd[i], POST), 0);
        for (int i = 0; i < n; i++) {
            char text[4096];
            hear(fd[i], text, sizeof text, "}\n");
            if (!strstr(text, "HTTP/1.1 200"))
                fail_msg("connection %d of %d, round %d: '%s'", i, n, r, text);
        }
    }
    for (int i = 0; i < n; i++)
        close(fd[i]);
    free(fd);
}

/* libmicrohttpd's own loop stalls when exactly 128 or 256 events are ready. */
static void never_stalls(void **state)
{
    (void)state;
    static const int sizes[] = {1, 16, 64, 127, 128, 129, 200, 256, 257, 512, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        burst(sizes[i], 3);
}

/* Until the server has noticed that the connections of the test before are closed. */
static void wait_until_alone(void)
{
    for (double end = seconds() + 20; seconds() < end && metric("axond_connections") > 1;)
        nap(0.02);
}

static void refuses_too_many_connections(void **state)
{
    (void)state;
    wait_until_alone();
    enum { N = 1300 };
    static int fd[N];
    char text[2048];
    int refused = 0;
    for (int i = 0; i < N; i++)
        fd[i] = dial();
    for (int i = N - 1; i >= 1000; i--) {
        say(fd[i], "GET /health HTTP/1.1\r\nHost: t\r\n\r\n");
        if (hear(fd[i], text, sizeof text, "}\n"))
            refused += strstr(text, "HTTP/1.1 503") && strstr(text, "Retry-After: 1") != NULL;
    }
    for (int i = 0; i < N; i++)
        close(fd[i]);
    assert_in_range(refused, 50, 250);
    nap(0.2);
    assert_int_equal(status_of(&(request){.path = "/health"}), 200);
}

/* Requests of a slow model pile up in its queue; their clients hang up; nobody computes for them.
 */
static void forgets_vanished_clients(void **state)
{
    (void)state;
    enum { N = 30 };
    int fd[N];
    double before = metric("axond_predict_rows_total{model=\"slow\"}"),
           batches = metric("axond_batches_total");
    for (int i = 0; i < N; i++) {
        fd[i] = dial();
        say(fd[i],
            "POST /models/slow/predict HTTP/1.1\r\nHost: t\r\nContent-Length: 22\r\n\r\n" BODY);
    }
    for (int i = 0; i < N; i++)
        close(fd[i]);
    wait_until_alone();
    assert_true(metric("axond_queue_requests") == 0);
    assert_true(metric("axond_queue_rows") == 0);
    assert_true(metric("axond_batches_total") - batches <= N);
    assert_true(metric("axond_predict_rows_total{model=\"slow\"}") >= before);
    reply r = post("/models/slow/predict", BODY);
    assert_int_equal(r.status, 200);
    reply_free(&r);
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

static void *ask_tiny(void *arg)
{
    long *status = arg;
    reply r = post("/predict", BODY);
    *status = r.status;
    reply_free(&r);
    return NULL;
}

/* With a delay, requests that come within it share a batch. */
static void waits_for_company(void **state)
{
    (void)state;
    enum { N = 10 };
    pthread_t t[N];
    long status[N];
    double batches = metric("axond_batches_total"), from = seconds();
    for (int i = 0; i < N; i++)
        pthread_create(&t[i], NULL, ask_tiny, &status[i]);
    for (int i = 0; i < N; i++) {
        pthread_join(t[i], NULL);
        assert_int_equal(status[i], 200);
    }
    assert_true(seconds() - from >= 0.05);
    assert_true(metric("axond_batches_total") - batches < N);
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

/* Tens of thousands of requests of all sizes, refused and answered, leave no memory behind. */
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
            assert_true(now < base + (2 << 20));
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
        cmocka_unit_test_setup(keeps_alive, patient),
        cmocka_unit_test_setup(answers_a_pipeline, patient),
        cmocka_unit_test_setup(takes_bodies_in_pieces, patient),
        cmocka_unit_test_setup(cuts_slow_clients, hasty),
        cmocka_unit_test_setup(cuts_dripping_clients, hasty),
        cmocka_unit_test_setup(closes_idle_connections, hasty),
        cmocka_unit_test_setup(refuses_while_the_client_sends, patient),
        cmocka_unit_test_setup(never_stalls, patient),
        cmocka_unit_test_setup(refuses_too_many_connections, patient),
        cmocka_unit_test_setup(forgets_vanished_clients, patient),
        cmocka_unit_test_setup(stays_responsive, patient),
        cmocka_unit_test_setup(keeps_deadlines, patient),
        cmocka_unit_test_setup(memory_stays_flat, patient),
        cmocka_unit_test_setup(drains, patient),
        cmocka_unit_test_setup(refuses_when_the_queue_is_full, narrow),
        cmocka_unit_test_setup(waits_for_company, late),
        cmocka_unit_test_setup(gives_up_draining, curt),
    };
    curl_global_init(CURL_GLOBAL_ALL);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, setup, teardown);
}
