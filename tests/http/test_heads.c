/* Heads of requests, good and bad, byte by byte: methods, URLs, hosts, lengths, origins, types. */
#include "harness.h"

#define BODY       "{\"inputs\":[[1,2,3,4]]}"
#define POST_HEAD  "POST /predict HTTP/1.1\r\nHost: t\r\nContent-Type: application/json\r\n"
#define LENGTH     "Content-Length: 22\r\n"
#define LAST       "Connection: close\r\n"
#define POST_TO(host, origin)                                                                      \
    "POST /predict HTTP/1.1\r\nHost: " host "\r\nOrigin: " origin                                  \
    "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 22\r\n\r\n" BODY
#define WITH(more) POST_HEAD LAST LENGTH more "\r\n" BODY
#define GET(url)   "GET " url " HTTP/1.1\r\nHost: t\r\n" LAST "\r\n"

static int setup(void **state)
{
    (void)state;
    char path[160];
    folder_new();
    snprintf(path, sizeof path, "%s/tiny.safetensors", the.models);
    write_tiny(path, 1);
    start((const char *[]){"--default-model", "tiny", "--max-body", "100000", "--cors-origin",
                           "https://page.example", NULL});
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int code = stop();
    folder_remove();
    return code;
}

typedef struct row {
    const char *text, *has, *lacks;
} row;

/* Send each text on a connection of its own and look for words in all that comes back. */
static void check(const row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char text[8192];
        int fd = dial();
        assert_int_equal(say(fd, rows[i].text), 0);
        hear(fd, text, sizeof text, NULL);
        close(fd);
        if (!strstr(text, rows[i].has) || (rows[i].lacks && strstr(text, rows[i].lacks)))
            fail_msg("%s\n->\n%s", rows[i].text, text);
    }
}

#define CHECK(rows) check(rows, sizeof rows / sizeof *rows)

static void speaks_http(void **state)
{
    (void)state;
    static const row rows[] = {
        {"GET /health HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
         "{\"status\":\"ok\",\"ready\":true}", NULL},
        {"HEAD /health HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", "HTTP/1.1 200", "status"},
        {"HEAD /models HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n", "Content-Length: ", "{"},
        {"OPTIONS /predict HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n",
         "Allow: POST, OPTIONS", "Access-Control"},
        {"OPTIONS /predict HTTP/1.1\r\nHost: t\r\nOrigin: https://page.example\r\nConnection: "
         "close\r\n\r\n",
         "Access-Control-Allow-Origin: https://page.example", NULL},
        {"OPTIONS /predict HTTP/1.1\r\nHost: t\r\nOrigin: https://other.example\r\nConnection: "
         "close\r\n\r\n",
         "HTTP/1.1 204", "Access-Control"},
        {"GET /health HTTP/1.1\r\nHost: t\r\nOrigin: https://other.example\r\nConnection: "
         "close\r\n\r\n",
         "HTTP/1.1 200", "Access-Control"},
        {POST_HEAD
         "Origin: https://other.example\r\nConnection: close\r\nContent-Length: 22\r\n\r\n" BODY,
         "HTTP/1.1 403", "Access-Control"},
        {POST_HEAD "Origin: null\r\nConnection: close\r\nContent-Length: 22\r\n\r\n" BODY,
         "HTTP/1.1 403", NULL},
        /* a page of the server's own, but not one whose name only claims to be that */
        {POST_HEAD "Origin: http://t\r\nConnection: close\r\nContent-Length: 22\r\n\r\n" BODY,
         "HTTP/1.1 403", NULL},
        {POST_TO("localhost:80", "http://localhost:80"), "HTTP/1.1 200", NULL},
        {POST_TO("127.0.0.1:80", "http://127.0.0.1:80"), "HTTP/1.1 200", NULL},
        {POST_TO("[::1]", "http://[::1]"), "HTTP/1.1 200", NULL},
        {POST_TO("localhost:80", "http://localhost:81"), "HTTP/1.1 403", NULL},
        {POST_TO("localhost.evil.example", "http://localhost.evil.example"), "HTTP/1.1 403", NULL},
        {POST_TO("1.2.3.evil.example", "http://1.2.3.evil.example"), "HTTP/1.1 403", NULL},
        {POST_HEAD
         "Origin: https://page.example\r\nConnection: close\r\nContent-Length: 22\r\n\r\n" BODY,
         "Vary: Origin", NULL},
        {POST_HEAD "X-Request-Id: my-id.7\r\nConnection: close\r\nContent-Length: 22\r\n\r\n" BODY,
         "X-Request-Id: my-id.7\r\n", NULL},
        {POST_HEAD "X-Request-Id: a b\"c\r\nConnection: close\r\nContent-Length: 22\r\n\r\n" BODY,
         "HTTP/1.1 200", "a b"},
        {POST_HEAD "Expect: 100-continue\r\nConnection: close\r\nContent-Length: 22\r\n\r\n" BODY,
         "HTTP/1.1 100", NULL},
        {POST_HEAD "Expect: 100-continue\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n",
         "HTTP/1.1 413", "HTTP/1.1 100"},
        {POST_HEAD "Content-Length: 22\r\nContent-Length: 23\r\n\r\n" BODY, "HTTP/1.1 400", NULL},
        {POST_HEAD "Content-Length: 22\r\nTransfer-Encoding: chunked\r\n\r\n" BODY, "HTTP/1.1 400",
         NULL},
        {POST_HEAD "Transfer-Encoding: gzip\r\n\r\n" BODY, "HTTP/1.1 400", NULL},
        {POST_HEAD "Content-Length: -5\r\n\r\n" BODY, "HTTP/1.1 400", NULL},
        {POST_HEAD "Content-Length: 99999999999999999999999\r\n\r\n" BODY, "HTTP/1.1 413", NULL},
        {POST_HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400", NULL},
        {"GET /health HTTP/1.1\r\n\r\n", "HTTP/1.1 400", NULL},
        {"GET /health HTTP/1.0\r\n\r\n", "HTTP/1.1 200", NULL},
        {"GARBAGE\r\n\r\n", "", "HTTP/1.1 200"},
        {"\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n\r\n", "", "HTTP/1.1 200"},
    };
    CHECK(rows);
}

static void takes_urls_at_their_word(void **state)
{
    (void)state;
    static const row rows[] = {
        {GET("/models/tiny%00x"), "a zero byte, %00 (at byte 12)", "\"layers\""},
        {GET("/models/tiny?x=%00"), "\"code\":\"bad_url\"", NULL},
        {GET("/models/%zz"), "two hex digits do not follow (at byte 8)", NULL},
        {GET("/models/tiny%"), "two hex digits do not follow (at byte 12)", NULL},
        {GET("/models/tiny%2"), "two hex digits do not follow", NULL},
        {GET("/models/%ff"), "not UTF-8 (at byte 8)", NULL},
        {GET("/models/a%e2%82"), "not UTF-8 (at byte 9)", NULL},
        {GET("/models/%c0%80"), "not UTF-8", NULL},
        {GET("/models/\xe9"), "not UTF-8", NULL},
        {GET("/models/%c3%a9"), "no model is called '\xc3\xa9'", NULL},
        {GET("/models%2ftiny"), "an escaped slash", NULL},
        {GET("/hea lth"), "a space or control character", NULL},
        {GET("/health "), "a space or control character", NULL},
        {GET("/%68ealth"), "HTTP/1.1 200", NULL},
        {GET("http://elsewhere/health"), "HTTP/1.1 200", NULL},
        {GET("http://elsewhere"), "\"routes\"", NULL},
        {GET("/models/tiny?x=1"), "/models/{name} takes no option 'x'", NULL},
        {GET("/health?now"), "\"code\":\"unknown_option\",\"at\":\"now\"", NULL},
        {GET("/models/tiny?"), "HTTP/1.1 200", NULL},
        {"OPTIONS * HTTP/1.1\r\nHost: t\r\n" LAST "\r\n", "Allow: GET, HEAD, POST", NULL},
    };
    CHECK(rows);
}

/* A zero byte itself: nothing of the URL behind it may be lost. */
static void refuses_zero_bytes(void **state)
{
    (void)state;
    static const char text[] = "DELETE /models/tiny\0x HTTP/1.1\r\nHost: t\r\n" LAST "\r\n";
    char answer[4096];
    int fd = dial();
    assert_int_equal(send(fd, text, sizeof text - 1, MSG_NOSIGNAL), sizeof text - 1);
    hear(fd, answer, sizeof answer, NULL);
    close(fd);
    assert_non_null(strstr(answer, "HTTP/1.1 400"));
    assert_non_null(strstr(answer, "a zero byte (at byte 12)"));
    assert_int_equal(status_of(&(request){.path = "/models/tiny"}), 200);
}

static void refuses_two_meanings(void **state)
{
    (void)state;
    static const row rows[] = {
        {"GET /health HTTP/1.1\r\n\r\n", "\"error\":\"the head of the request has no Host", NULL},
        {"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "Host twice", NULL},
        {"GET / HTTP/1.1\r\nHost: $(id)\r\n\r\n", "a Host that is no name", "curl"},
        {"GET /health HTTP/1.1\r\nHost : a\r\n\r\n", "a space before the colon", NULL},
        {POST_HEAD "Content-Length : 22\r\n\r\n" BODY, "a space before the colon", NULL},
        {WITH("Content-Length: 23\r\n"), "two lengths of the body", NULL},
        {WITH("Content-Length: 22\r\n"), "HTTP/1.1 200", NULL},
        {WITH("Transfer-Encoding: chunked\r\n"), "both Content-Length and Transfer-Encoding", NULL},
        {POST_HEAD "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "Transfer-Encoding twice", NULL},
        {"POST /predict HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         "which HTTP/1.0 does not have", NULL},
        {WITH("Content-Type: image/png\r\n"), "Content-Type twice", NULL},
        {WITH("Content-Encoding: gzip\r\n"), "HTTP/1.1 415", NULL},
        {WITH("Content-Encoding: gzip\r\n"), "Accept-Encoding: identity", NULL},
        {WITH("Content-Encoding: identity\r\n"), "HTTP/1.1 200", NULL},
        {"GET /health HTTP/1.1\r\nHost: t\r\n" LAST LENGTH "\r\n" BODY, "takes no body", NULL},
        {"DELETE /models/tiny HTTP/1.1\r\nHost: t\r\n" LAST
         "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
         "\"code\":\"unexpected_body\"", NULL},
    };
    CHECK(rows);
}

static void weighs_what_is_accepted(void **state)
{
    (void)state;
    static const char raw[] = "Content-Type: application/octet-stream", json[] = "\"outputs\"";
    static const row rows[] = {
        {WITH(""), json, raw},
        {WITH("Accept: */*\r\n"), json, raw},
        {WITH("Accept: text/html\r\n"), json, raw},
        {WITH("Accept: application/octet-stream\r\n"), raw, json},
        {WITH("Accept: Application/Octet-Stream;q=0.5, */*;q=0.1\r\n"), raw, json},
        {WITH("Accept: text/plain, application/octet-stream\r\n"), raw, json},
        {WITH("Accept: text/plain\r\nAccept: application/octet-stream\r\n"), raw, json},
        {WITH("Accept: application/json;q=0, application/octet-stream\r\n"), raw, json},
        {WITH("Accept: application/octet-streams\r\n"), json, raw},
        {WITH("Accept: application/octet-stream;q=0\r\n"), json, raw},
        {WITH("Accept: application/json, application/octet-stream;q=0.9\r\n"), json, raw},
        {WITH("Accept: ;;q=,,;\r\n"), json, raw},
    };
    CHECK(rows);
}

/* A refused head leaves the connection usable where its end is certain. */
static void goes_on_after_a_bad_url(void **state)
{
    (void)state;
    char text[4096];
    int fd = dial();
    say(fd, "GET /models/%00 HTTP/1.1\r\nHost: t\r\n\r\n" GET("/health"));
    hear(fd, text, sizeof text, NULL);
    close(fd);
    assert_non_null(strstr(text, "HTTP/1.1 400"));
    assert_non_null(strstr(text, "\"ready\":true"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speaks_http),
        cmocka_unit_test(takes_urls_at_their_word),
        cmocka_unit_test(refuses_zero_bytes),
        cmocka_unit_test(refuses_two_meanings),
        cmocka_unit_test(weighs_what_is_accepted),
        cmocka_unit_test(goes_on_after_a_bad_url),
    };
    curl_global_init(CURL_GLOBAL_ALL);
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, setup, teardown);
}
