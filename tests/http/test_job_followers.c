/* Whoever follows a job: 200 at once, some slow, some gone, some coming back with Last-Event-ID.
 * Each one that stays gets every event once, in order, and the end; later the same is replayed. */
#include "jobs.h"

enum { FOLLOWERS = 200, ROOM = 1 << 20 };

typedef struct listener {
    pthread_t thread;
    int job, kind, bad; /* kind: 0 plain, 1 slow, 2 leaves, 3 leaves and comes back */
    int events;         /* how many it got in the end                               */
    char *text;
} listener;

static int connect_events(int job, int after)
{
    char text[256];
    int fd = dial();
    snprintf(text, sizeof text,
             "GET /jobs/%d/events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: %d\r\n\r\n", job, after);
    say(fd, text);
    return fd;
}

/* Take head and chunk sizes out of what was heard, in place. 1: the last chunk has come. */
static int unpack(char *text)
{
    char *in = strstr(text, "\r\n\r\n"), *out = text, *end = text + strlen(text);
    int whole = 0;
    for (in = in ? in + 4 : end; in < end;) {
        char *data;
        size_t n = strtoul(in, &data, 16);
        whole = n == 0 && data > in;
        in = data + 2;
        if (whole || in >= end)
            break;
        size_t have = (size_t)(end - in) < n ? (size_t)(end - in) : n;
        memmove(out, in, have);
        out += have;
        in += n + 2;
    }
    *out = 0;
    return whole;
}

/* Are the numbers in the stream first, first+1, ...? Gives the last one, or -1. */
static int last_number(const char *text, int first)
{
    int next = first;
    for (const char *at = text; (at = strstr(at, "\nid: ")); at += 5)
        if (atoi(at + 5) != next++)
            return -1;
    return next - 1;
}

/* Read until the stream ends, or has this many bytes; slow: a little at a time. */
static void listen_on(int fd, listener *l, size_t most)
{
    size_t have = strlen(l->text);
    for (ssize_t n = 1; n > 0 && have < most;) {
        size_t room = l->kind == 1 ? 100 : ROOM - 1 - have;
        n = recv(fd, l->text + have, room, 0);
        if (n > 0)
            have += (size_t)n;
        l->text[have] = 0;
        if (strstr(l->text, "\r\n0\r\n"))
            break;
        if (l->kind == 1)
            nap(0.001);
    }
}

static void *run(void *arg)
{
    listener *l = arg;
    int fd = connect_events(l->job, 0);
    listen_on(fd, l, l->kind >= 2 ? 700 : ROOM - 1);
    close(fd);
    int whole = unpack(l->text);
    if (l->kind == 2)
        return NULL;
    if (l->kind == 3) { /* what was cut off in the middle is sent again */
        const char *third = strstr(l->text, "\n\nid: 3");
        int had = third ? 2 : 0;
        l->text[0] = 0;
        fd = connect_events(l->job, had);
        listen_on(fd, l, ROOM - 1);
        close(fd);
        whole = unpack(l->text);
        l->events = last_number(l->text, had + 1);
    } else {
        l->events = last_number(l->text, 1);
    }
    l->bad = !strstr(l->text, "\nevent: done\n") || !whole;
    return NULL;
}

static void follow(listener *l, int n, int job)
{
    for (int i = 0; i < n; i++) {
        l[i] = (listener){.job = job, .kind = i % 4, .text = calloc(1, ROOM)};
        assert_int_equal(pthread_create(&l[i].thread, NULL, run, &l[i]), 0);
    }
}

static void check(listener *l, int n, int events)
{
    for (int i = 0; i < n; i++) {
        pthread_join(l[i].thread, NULL);
        if (l[i].kind != 2 && (l[i].bad || l[i].events != events))
            fail_msg("follower %d of kind %d: %d events of %d\n%.2000s", i, l[i].kind, l[i].events,
                     events, l[i].text);
        free(l[i].text);
    }
}

static int events_of(int job)
{
    char path[64];
    snprintf(path, sizeof path, "/jobs/%d/events", job);
    reply r = get(path);
    assert_int_equal(r.status, 200);
    assert_non_null(strstr(r.headers, "Content-Type: text/event-stream"));
    int n = count(r.body, "\nid: "), last = last_number(r.body, 1);
    assert_int_equal(n, last);
    assert_int_equal(count(r.body, "event: done"), 1);
    reply_free(&r);
    return n;
}

static void test_crowd(void **state)
{
    (void)state;
    static listener l[FOLLOWERS];
    char *spec = job_spec("followed", 300, 300, "");
    int id = post_job(spec, NULL);
    follow(l, FOLLOWERS, id);
    await(id, "succeeded", 120);
    int n = events_of(id);
    assert_true(n > 300);
    check(l, FOLLOWERS, n);
    free(spec);
}

/* A finished job replays the same; from its last event on there is nothing, and the stream ends. */
static void test_replay(void **state)
{
    (void)state;
    static listener l[8];
    int n = events_of(1);
    follow(l, 8, 1);
    check(l, 8, n);
    char path[64];
    snprintf(path, sizeof path, "/jobs/1/events?after=%d", n);
    reply r = get(path);
    assert_int_equal(count(r.body, "\nid: "), 0);
    reply_free(&r);
    snprintf(path, sizeof path, "/jobs/1/events?after=%d", n - 2);
    r = get(path);
    assert_int_equal(count(r.body, "\nid: "), 2);
    reply_free(&r);
    assert_int_equal(status_of(&(request){.method = "HEAD", .path = "/jobs/1/events"}), 200);
}

/* The server's end is the end of a stream, and the job goes on afterwards. */
static void test_stop(void **state)
{
    (void)state;
    char *spec = job_spec("long", 300, 100000, ""), text[4096];
    int id = post_job(spec, NULL), fd;
    await(id, "running", 30);
    fd = connect_events(id, 0);
    hear(fd, text, sizeof text, "\"running\"");
    assert_int_equal(stop(), 0);
    hear(fd, text, sizeof text, "\r\n0\r\n");
    assert_non_null(strstr(text, "\r\n0\r\n"));
    close(fd);
    start(NULL);
    await(id, "running", 30);
    assert_int_equal(act(id, "POST", "/cancel"), 202);
    await(id, "cancelled", 30);
    events_of(id);
    free(spec);
}

static int setup(void **state)
{
    (void)state;
    return start_with(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_stop),
    };
    return cmocka_run_group_tests(tests, setup, stop_and_remove);
}
