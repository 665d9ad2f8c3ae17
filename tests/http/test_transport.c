/* The wire below JSON: keep-alive, pipelining, slow and vanishing clients, limits, many connections
 * at once, origins. */
#include "transport.h"

static const char *const hasty_flags[] = {COMMON, "--header-timeout-s", "1", "--body-timeout-s",
                                          "1",    "--idle-timeout-s",   "2", NULL};
/* every prediction waits for a worker */
static const char *const queueing_flags[] = {COMMON, "--inline-us", "0", NULL};

static int hasty(void **state)
{
    (void)state;
    return run_with(hasty_flags);
}

static int queueing(void **state)
{
    (void)state;
    return run_with(queueing_flags);
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
    static const struct {
        const char *sent, *status, *says;
    } parts[] = {
        {"", "", ""},
        {"POST /pred", "", ""},
        {"POST /predict HTTP/1.1\r\nHost: t\r\n", "HTTP/1.1 408",
         "the head of the request was not complete after 1 s\",\"code\":\"too_slow\",\"at\":\"head"},
        {POST_HEAD "Content-Length: 22\r\n\r\n{\"inp", "HTTP/1.1 408",
         "the body of the request was not complete after 1 s\",\"code\":\"too_slow\",\"at\":\"body"},
        {POST_HEAD "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"i", "HTTP/1.1 408",
         "\"at\":\"body\""},
    };
    enum { N = sizeof parts / sizeof *parts };
    int fd[N];
    double start_time = seconds();
    for (int i = 0; i < N; i++)
        say(fd[i] = dial(), parts[i].sent);
    for (int i = 0; i < 5; i++)
        assert_int_equal(status_of(&(request){.method = "POST", .path = "/predict", .body = BODY}),
                         200);
    for (int i = 0; i < N; i++) {
        char text[2048];
        hear(fd[i], text, sizeof text, NULL);
        if (!strstr(text, parts[i].status) || !strstr(text, parts[i].says))
            fail_msg("%s\n->\n%s", parts[i].sent, text);
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

/* Until the server has noticed that the connections of before are closed. */
static void wait_until_alone(void)
{
    for (double end = seconds() + 20; seconds() < end && metric("axond_connections") > 1;)
        nap(0.02);
}

/* libmicrohttpd's own loop stalls when exactly 128 or 256 events are ready. */
static void never_stalls(void **state)
{
    (void)state;
    static const int sizes[] = {1, 16, 64, 127, 128, 129, 200, 256, 257, 512, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        wait_until_alone();
        burst(sizes[i], 3);
    }
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

static void wait_for_queue(int requests)
{
    for (double end = seconds() + 20; metric("axond_queue_requests") < requests;) {
        assert_true(seconds() < end);
        nap(0.001);
    }
}

/* Requests wait in the queue of a slow model; their clients hang up; nobody computes for them. */
static void forgets_vanished_clients(void **state)
{
    (void)state;
    enum { N = 30, ROWS = 200 };
    static char body[ROWS * 16], head[256], text[1 << 16];
    int fd[N], busy = dial();
    double rows = metric("axond_batch_rows_sum");
    char *p = body + sprintf(body, "{\"inputs\":[[1,2,3,4]");
    for (int i = 1; i < ROWS; i++)
        p += sprintf(p, ",[1,2,3,4]");
    p += sprintf(p, "]}");
    sprintf(head, "POST /models/slow/predict HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n",
            (int)(p - body));
    say(busy, head);
    say(busy, body); /* keeps the model busy for a while */
    wait_for_queue(1); /* another event loop may be quicker with the requests that follow */
    for (int i = 0; i < N; i++) {
        fd[i] = dial();
        say(fd[i],
            "POST /models/slow/predict HTTP/1.1\r\nHost: t\r\nContent-Length: 22\r\n\r\n" BODY);
    }
    wait_for_queue(N);
    for (int i = 0; i < N; i++)
        close(fd[i]);
    hear(busy, text, sizeof text, "}\n");
    assert_non_null(strstr(text, "HTTP/1.1 200"));
    close(busy);
    wait_until_alone();
    assert_true(metric("axond_queue_requests") == 0);
    assert_true(metric("axond_queue_rows") == 0);
    assert_true(metric("axond_batch_rows_sum") - rows == ROWS);
    reply r = post("/models/slow/predict", BODY);
    assert_int_equal(r.status, 200);
    reply_free(&r);
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
        cmocka_unit_test_setup(forgets_vanished_clients, queueing),
    };
    curl_global_init(CURL_GLOBAL_ALL);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, setup, teardown);
}
