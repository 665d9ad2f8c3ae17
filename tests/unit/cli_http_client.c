/* cli_http_client.c - tests of the HTTP client against a server that says what a row of a table says:
 * good answers in all their shapes, and nonsense, silence, endless heads, ends in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/http_client.h"

#define OK        "HTTP/1.1 200 OK\r\n"
#define CHUNKED   OK "Transfer-Encoding: chunked\r\n\r\n"
#define LENGTH(n) OK "Content-Length: " #n "\r\n\r\n"

/* The other side of a socketpair, on a thread of its own. */
typedef struct fake {
    pthread_t thread;
    int ends[2];
    const char *says, *again; /* again: repeated until nobody listens */
    int dripping;             /* a byte at a time, this many ms apart */
    int stays;                /* silent but open, until the client goes */
    char heard[4096];
} fake;

static void nap_ms(int ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
}

static int push(fake *f, const char *text, size_t n)
{
    return send(f->ends[1], text, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static void *serve(void *arg)
{
    fake *f = arg;
    size_t have = 0;
    while (!strstr(f->heard, "\r\n\r\n")) {
        ssize_t n = recv(f->ends[1], f->heard + have, sizeof f->heard - 1 - have, 0);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    for (const char *p = f->says; f->dripping && *p && push(f, p, 1); p++)
        nap_ms(f->dripping);
    if (!f->dripping)
        push(f, f->says, strlen(f->says));
    while (f->again && push(f, f->again, strlen(f->again)))
        nap_ms(f->dripping);
    if (f->stays)
        poll(&(struct pollfd){f->ends[1], POLLIN, 0}, 1, 10000);
    close(f->ends[1]);
    return NULL;
}

static int ask(fake *f, http_request *q, http_answer *a, ax_err *err)
{
    http_url url;
    *err = (ax_err){0};
    assert_int_equal(http_url_parse("fake:80/base/", &url, NULL), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, f->ends), 0);
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
    q->method = q->method ? q->method : "GET";
    q->path = "/x";
    q->seconds = q->seconds > 0 ? q->seconds : 5;
    int r = http_exchange(f->ends[0], &url, q, a, err);
    close(f->ends[0]);
    pthread_join(f->thread, NULL);
    return r;
}

static void answers(void **state)
{
    static const struct {
        const char *says;
        int status;
        const char *body;
        int dripping;
    } cases[] = {
        {LENGTH(5) "hello", 200, "hello", 0},
        {LENGTH(5) "hello", 200, "hello", 1},
        {LENGTH(5) "hello and more", 200, "hello", 0},
        {LENGTH(0), 200, "", 0},
        {OK "\r\nup to the end", 200, "up to the end", 0},
        {"HTTP/1.0 404 Not Found\nContent-Length: 2\n\n{}", 404, "{}", 0},
        {"HTTP/1.1 503 \r\ncontent-length:   1 \t \r\n\r\n!", 503, "!", 0},
        {"HTTP/1.1 200\r\n\r\n", 200, "", 0},
        {"HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", 204, "", 0},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\nX: y\r\n\r\n" LENGTH(2) "ok", 200, "ok", 0},
        {OK "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", 200, "ok", 0},
        {CHUNKED "5\r\nhello\r\n0\r\n\r\n", 200, "hello", 0},
        {CHUNKED "5\r\nhello\r\n1;x=\"y\"\r\n!\r\n0\r\nTrailer: x\r\n\r\n", 200, "hello!", 1},
        {CHUNKED "00a \r\n0123456789\r\n000\r\n\r\n", 200, "0123456789", 0},
        {CHUNKED "A\n0123456789\n0\n\n", 200, "0123456789", 0},
        {CHUNKED "0\r\n\r\n", 200, "", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake f = {.says = cases[i].says, .dripping = cases[i].dripping};
        http_request q = {0};
        http_answer a;
        ax_err err;
        if (ask(&f, &q, &a, &err) < 0)
            fail_msg("'%s': %s", cases[i].says, err.msg);
        assert_int_equal(a.status, cases[i].status);
        assert_string_equal(a.body, cases[i].body);
        assert_int_equal(a.len, strlen(cases[i].body));
        http_answer_free(&a);
    }
}

static void nonsense(void **state)
{
    static const struct {
        const char *says;
        ax_code code;
        const char *msg;
    } cases[] = {
        {"", AX_EIO, "fake:80 ended the connection in the middle of an answer's head"},
        {"SSH-2.0-OpenSSH_9.2\r\n", AX_EPARSE, "fake:80 sends no HTTP: it begins with 'SSH-2.0-OpenSSH_9.2'"},
        {"HTTP/2 200\r\n\r\n", AX_EPARSE, "begins with"},
        {"HTTP/1.x 200\r\n\r\n", AX_EPARSE, "begins with"},
        {"HTTP/1.1 20\r\n\r\n", AX_EPARSE, "begins with"},
        {"HTTP/1.1 2000\r\n\r\n", AX_EPARSE, "begins with"},
        {"HTTP/1.1 200x\r\n\r\n", AX_EPARSE, "begins with"},
        {"HTTP/1.1 099 x\r\n\r\n", AX_EPARSE, "begins with"},
        {"HTTP/1.1 600 x\r\n\r\n", AX_EPARSE, "begins with"},
        {"HTTP/1.1 -20 x\r\n\r\n", AX_EPARSE, "begins with"},
        {"HTTP/1.1 200 OK\x1b[2J\r\n\r\n", AX_EPARSE, "a control character"},
        {"HTTP/1.1 200 OK\r\nA: b", AX_EIO, "in the middle of an answer's head"},
        {OK "no colon\r\n\r\n", AX_EPARSE, "a line of its head is 'no colon'"},
        {OK ": x\r\n\r\n", AX_EPARSE, "a line of its head"},
        {OK "A : x\r\n\r\n", AX_EPARSE, "a line of its head"},
        {OK "A: x\r\n folded: y\r\n\r\n", AX_EPARSE, "a line of its head"},
        {LENGTH(), AX_EPARSE, "Content-Length is ''"},
        {LENGTH(-1), AX_EPARSE, "Content-Length is '-1'"},
        {LENGTH(+1), AX_EPARSE, "Content-Length is"},
        {LENGTH(0x1), AX_EPARSE, "Content-Length is"},
        {LENGTH(99999999999999999999), AX_EPARSE, "Content-Length is"},
        {OK "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", AX_EPARSE, "a second Content-Length '2'"},
        {OK "Transfer-Encoding: gzip\r\n\r\n", AX_EPARSE, "in the encoding 'gzip'"},
        {OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", AX_EPARSE, "in the encoding"},
        {OK "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", AX_EPARSE, "with a length and in chunks"},
        {LENGTH(5) "hell", AX_EIO, "in the middle of an answer"},
        {CHUNKED, AX_EIO, "in the middle"},
        {CHUNKED "5\r\nhel", AX_EIO, "in the middle of an answer"},
        {CHUNKED "5\r\nhello\r\n", AX_EIO, "in the middle"},
        {CHUNKED "5\r\nhello\r\n0\r\n", AX_EIO, "in the middle"},
        {CHUNKED "5\r\nhelloX\r\n", AX_EPARSE, "behind a chunk comes 'X'"},
        {CHUNKED "\r\n", AX_EPARSE, "the size of a chunk is ''"},
        {CHUNKED "-1\r\n", AX_EPARSE, "the size of a chunk is '-1'"},
        {CHUNKED "0x5\r\nhello", AX_EPARSE, "the size of a chunk"},
        {CHUNKED "5 5\r\nhello", AX_EPARSE, "the size of a chunk"},
        {CHUNKED "ffffffffffffffff\r\nx", AX_EPARSE, "the size of a chunk"},
        {CHUNKED "fffffffffffffff\r\nx", AX_EIO, "in the middle of an answer"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake f = {.says = cases[i].says};
        http_request q = {0};
        http_answer a;
        ax_err err;
        if (ask(&f, &q, &a, &err) == 0)
            fail_msg("'%s' is taken for %d '%s'", cases[i].says, a.status, a.body);
        if (err.code != cases[i].code || !strstr(err.msg, cases[i].msg))
            fail_msg("'%s': %s", cases[i].says, err.msg);
        assert_null(a.body);
    }
}

static char *filled(const char *before, char with, size_t n)
{
    char *s = malloc(strlen(before) + n + 1);
    assert_non_null(s);
    strcpy(s, before);
    memset(s + strlen(before), with, n);
    s[strlen(before) + n] = 0;
    return s;
}

/* What has no end is given up at a bound, not when memory or patience is gone. */
static void without_end(void **state)
{
    char *million = filled("", 'x', 1 << 20);
    const struct {
        const char *says, *again, *msg;
        int dripping;
    } cases[] = {
        {OK, "A: b\r\n", "a head without end", 0},
        {"", "x", "a line of more than 8191 bytes", 0},
        {"", "HTTP/1.1 100 Continue\r\n\r\n", "a head without end", 0},
        {CHUNKED "0\r\n", "A: b\r\n", "a head without end", 0},
        {CHUNKED "1;", "x", "a line of more than 8191 bytes", 0},
        {OK "\r\n", million, "more than 64 MiB", 0},
        {OK "\r\n", "x", "does not answer in time", 1},
        {OK, "A: b\r\n", "does not answer in time", 50},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake f = {.says = cases[i].says, .again = cases[i].again, .dripping = cases[i].dripping};
        http_request q = {.seconds = cases[i].dripping ? 0.3 : 20};
        http_answer a;
        ax_err err;
        assert_int_equal(ask(&f, &q, &a, &err), -1);
        if (err.code != (cases[i].dripping ? AX_EIO : AX_ELIMIT) || !strstr(err.msg, cases[i].msg))
            fail_msg("row %zu: %s", i, err.msg);
    }
    free(million);
}

static void silence(void **state)
{
    static const char *const says[] = {"", OK, LENGTH(5) "hell", CHUNKED "5\r\nhello\r\n"};
    (void)state;
    for (size_t i = 0; i < sizeof says / sizeof *says; i++) {
        fake f = {.says = says[i], .stays = 1};
        http_request q = {.seconds = 0.2};
        http_answer a;
        ax_err err;
        assert_int_equal(ask(&f, &q, &a, &err), -1);
        assert_int_equal(err.code, AX_EIO);
        assert_string_equal(err.msg, "fake:80 does not answer in time");
    }
}

typedef struct taken {
    char text[256];
    size_t n;
    const char *enough;
} taken;

static int take(void *ctx, const char *bytes, size_t n)
{
    taken *t = ctx;
    assert_true(t->n + n < sizeof t->text);
    memcpy(t->text + t->n, bytes, n);
    t->n += n;
    return t->enough && strstr(t->text, t->enough);
}

/* A body that is passed on may take for ever, as long as something comes; an error's is gathered. */
static void streams(void **state)
{
    static const struct {
        const char *says, *again, *enough, *text;
        int dripping, stays, result;
    } cases[] = {
        {CHUNKED "3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n", NULL, NULL, "onetwo", 10, 0, 0},
        {CHUNKED "3\r\none\r\n", "2\r\nxy\r\n", "xyxy", "onexyxy", 1, 0, 0},
        {LENGTH(6) "onetwo", NULL, NULL, "onetwo", 0, 0, 0},
        {OK "\r\nonetwo", NULL, NULL, "onetwo", 0, 0, 0},
        {CHUNKED "3\r\none\r\n", NULL, NULL, "one", 0, 1, -1},
        {CHUNKED "3\r\none\r\n", NULL, NULL, "one", 0, 0, -1},
        {"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", NULL, NULL, "", 0, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake f = {.says = cases[i].says, .again = cases[i].again, .dripping = cases[i].dripping, .stays = cases[i].stays};
        taken t = {.enough = cases[i].enough};
        http_request q = {.take = take, .ctx = &t, .seconds = 5, .silence = 0.3};
        http_answer a;
        ax_err err;
        int r = ask(&f, &q, &a, &err);
        if (r != cases[i].result || strcmp(t.text, cases[i].text))
            fail_msg("row %zu: %d '%s' %s", i, r, t.text, err.msg);
        if (r == 0 && a.status == 404)
            assert_string_equal(a.body, "{}");
        http_answer_free(&a);
    }
}

static void stops_on_request(void **state)
{
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "x", 1), 1);
    fake f = {.says = OK, .again = "A: b\r\n"};
    http_request q = {.stop_fd = ends[0]};
    http_answer a;
    ax_err err;
    assert_int_equal(ask(&f, &q, &a, &err), -1);
    assert_int_equal(err.code, AX_ECANCELED);
    close(ends[0]);
    close(ends[1]);
}

static void requests(void **state)
{
    static const struct {
        http_request q;
        const char *head;
    } cases[] = {
        {{.method = "GET", .headers = "Last-Event-ID: 7\r\n"},
         "GET /base/x HTTP/1.1\r\nHost: fake:80\r\nConnection: close\r\nUser-Agent: axond/" AX_VERSION
         "\r\nLast-Event-ID: 7\r\n\r\n"},
        {{.method = "POST", .key = "abc"},
         "POST /base/x HTTP/1.1\r\nHost: fake:80\r\nConnection: close\r\nUser-Agent: axond/" AX_VERSION
         "\r\nAuthorization: Bearer abc\r\nContent-Length: 0\r\n\r\n"},
        {{.method = "POST", .body = "{\"a\":1}"},
         "POST /base/x HTTP/1.1\r\nHost: fake:80\r\nConnection: close\r\nUser-Agent: axond/" AX_VERSION
         "\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n{\"a\":1}"},
    };
    static const char *const keys[] = {"", "a b", "a\r\nX: y", "\xc3\xa4"};
    http_answer a;
    ax_err err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        fake f = {.says = LENGTH(0)};
        http_request q = cases[i].q;
        assert_int_equal(ask(&f, &q, &a, &err), 0);
        assert_string_equal(f.heard, cases[i].head);
        http_answer_free(&a);
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        fake f = {.says = LENGTH(0)};
        http_request q = {.key = keys[i]};
        assert_int_equal(ask(&f, &q, &a, &err), -1);
        assert_non_null(strstr(err.msg, "the API key"));
        assert_string_equal(f.heard, "");
    }
}

static void urls(void **state)
{
    static const struct {
        const char *text, *host, *port, *path, *name; /* host NULL: refused with `path` */
    } cases[] = {
        {"", "localhost", "8080", "", "localhost:8080"},
        {"127.0.0.1:80", "127.0.0.1", "80", "", "127.0.0.1:80"},
        {"http://somewhere", "somewhere", "8080", "", "somewhere:8080"},
        {"HTTP://somewhere:9/", "somewhere", "9", "", "somewhere:9"},
        {"http://a:1/b/c//", "a", "1", "/b/c", "a:1"},
        {"a/b://c", "a", "8080", "/b://c", "a:8080"},
        {"9090", "localhost", "9090", "", "localhost:9090"},
        {":9090", "localhost", "9090", "", "localhost:9090"},
        {"0.0.0.0:1", "localhost", "1", "", "localhost:1"},
        {"[::]:1", "localhost", "1", "", "localhost:1"},
        {"[::1]", "::1", "8080", "", "[::1]:8080"},
        {"http://[fe80::1]:65535/x", "fe80::1", "65535", "/x", "[fe80::1]:65535"},
        {"https://a", NULL, NULL, "https is not spoken here", NULL},
        {"file:///etc", NULL, NULL, "file is not spoken here", NULL},
        {"a:", NULL, NULL, "'' is not a port", NULL},
        {"a:0", NULL, NULL, "'0' is not a port", NULL},
        {"a:65536", NULL, NULL, "'65536' is not a port", NULL},
        {"a:8x", NULL, NULL, "'8x' is not a port", NULL},
        {"123456", NULL, NULL, "'123456' is not a port", NULL},
        {"a b", NULL, NULL, "is not a URL", NULL},
        {"a/\x1b[2J", NULL, NULL, "is not a URL", NULL},
        {"a/b\r\nX: y", NULL, NULL, "is not a URL", NULL},
    };
    http_url u;
    ax_err err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int r = http_url_parse(cases[i].text, &u, &err);
        if (r < 0 && (cases[i].host || !strstr(err.msg, cases[i].path)))
            fail_msg("'%s': %s", cases[i].text, err.msg);
        if (r < 0)
            continue;
        if (!cases[i].host)
            fail_msg("'%s' is taken", cases[i].text);
        assert_string_equal(u.host, cases[i].host);
        assert_string_equal(u.port, cases[i].port);
        assert_string_equal(u.path, cases[i].path);
        assert_string_equal(u.name, cases[i].name);
    }
    for (int i = 0; i < 2; i++) {
        char *s = filled(i ? "a/" : "", 'x', 600);
        assert_int_equal(http_url_parse(s, &u, &err), -1);
        free(s);
    }
}

static void connections(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    char text[32];
    http_url u;
    http_answer a;
    ax_err err;
    http_request q = {.method = "GET", .path = "/", .seconds = 0.3};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(at.sin_port));
    assert_int_equal(http_url_parse(text, &u, &err), 0);
    assert_int_equal(http_ask(&u, &q, &a, &err), -1); /* nobody listens */
    assert_int_equal(err.code, AX_EIO);
    assert_non_null(strstr(err.msg, "cannot connect to 127.0.0.1 port"));
    assert_string_equal(err.hint, "is axond serve running there?");
    assert_int_equal(listen(fd, 1), 0); /* somebody listens, and never takes the connection */
    assert_int_equal(http_ask(&u, &q, &a, &err), -1);
    assert_non_null(strstr(err.msg, "does not answer in time"));
    assert_int_equal(http_url_parse("no.such.host.invalid", &u, &err), 0);
    assert_int_equal(http_ask(&u, &q, &a, &err), -1);
    assert_non_null(strstr(err.msg, "cannot find the host 'no.such.host.invalid'"));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),          cmocka_unit_test(nonsense), cmocka_unit_test(without_end),
        cmocka_unit_test(silence),          cmocka_unit_test(streams),  cmocka_unit_test(stops_on_request),
        cmocka_unit_test(requests),         cmocka_unit_test(urls),     cmocka_unit_test(connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
