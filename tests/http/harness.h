/* harness.h - start the real server on a free port with small models, and talk to it.
 *
 * Every test program starts its own server in its own folder and stops it at the end. Requests go
 * through libcurl; what libcurl would not do (half a request, silence, garbage) through raw
 * sockets. */
#ifndef TESTS_HTTP_HARNESS_H
#define TESTS_HTTP_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>

#include "axon.h"
#include "io/safetensors.h"

#define UNUSED __attribute__((unused))

typedef struct server {
    pid_t pid;
    int port;
    int failed;
    char folder[64], models[96], state[96], log[96];
} server;

static server the;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

UNUSED static void nap(double s)
{
    nanosleep(&(struct timespec){(time_t)s, (long)((s - (double)(time_t)s) * 1e9)}, NULL);
}

/* ---- models
 * ---------------------------------------------------------------------------------------- */

/* Weights that differ from each other and from model to model. */
static float *weights(int n, int seed, float scale)
{
    float *w = malloc(sizeof *w * (size_t)n);
    ax_rng r = {.seed = (uint64_t)seed, .stream = 1};
    for (int i = 0; i < n; i++)
        w[i] = (ax_rng_uniform(r, (uint64_t)i) - 0.5f) * 2 * scale;
    return w;
}

typedef struct dense {
    const char *name;
    int in, out, window; /* window: of a convolution; 0: dense */
} dense;

/* A model file: the spec as given, and one kernel and bias for each dense layer. */
static void write_model(const char *path, const char *spec, const dense *layers, int n, int seed,
                        float scale)
{
    ax_st_item items[16] = {{0}};
    ax_err err;
    char names[16][64];
    for (int i = 0; i < n; i++) {
        snprintf(names[2 * i], 64, "%s/kernel", layers[i].name);
        snprintf(names[2 * i + 1], 64, "%s/bias", layers[i].name);
        const dense *l = &layers[i];
        int window = l->window ? l->window : 1;
        items[2 * i] = (ax_st_item){names[2 * i],
                                    {AX_F32, AX_SHAPE(l->out, l->in, window, window),
                                     weights(l->in * l->out * window * window, seed + i, scale)}};
        if (!l->window)
            items[2 * i].tensor.shape.rank = 2;
        items[2 * i + 1] = (ax_st_item){
            names[2 * i + 1],
            {AX_F32, AX_SHAPE(layers[i].out), weights(layers[i].out, seed + 100 + i, scale)}};
    }
    if (ax_safetensors_write(path, items, 2 * n, &(ax_st_meta){"axond.spec", spec}, 1, &err) < 0)
        fail_msg("%s: %s", path, err.msg);
    for (int i = 0; i < 2 * n; i++)
        free(items[i].tensor.data);
}

/* 4 numbers to 3 classes. */
UNUSED static void write_tiny(const char *path, int seed)
{
    write_model(path,
                "{\"name\":\"tiny\",\"inputs\":[{\"name\":\"x\",\"shape\":[4]}],\"layers\":["
                "{\"type\":\"dense\",\"units\":5,\"activation\":\"relu\",\"name\":\"hidden\"},"
                "{\"type\":\"dense\",\"units\":3,\"activation\":\"softmax\",\"name\":\"out\"}],"
                "\"labels\":[\"red\",\"green\",\"blue\"]}",
                (dense[]){{"hidden", 4, 5, 0}, {"out", 5, 3, 0}}, 2, seed, 1);
}

/* A picture of 1 x 8 x 6 to 2 classes. */
UNUSED static void write_picture(const char *path)
{
    write_model(path,
                "{\"name\":\"picture\",\"inputs\":[{\"name\":\"image\",\"shape\":[1,8,6],\"scale\":"
                "0.00392156862745098}],"
                "\"layers\":[{\"type\":\"flatten\",\"name\":\"flat\"},"
                "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\",\"name\":\"out\"}]}",
                (dense[]){{"out", 48, 2, 0}}, 1, 3, 1);
}

/* Small, but a run takes several milliseconds: it goes to a worker. */
UNUSED static void write_slow(const char *path)
{
    write_model(
        path,
        "{\"name\":\"slow\",\"inputs\":[{\"name\":\"x\",\"shape\":[4]}],\"layers\":["
        "{\"type\":\"dense\",\"units\":8192,\"name\":\"a\"},"
        "{\"type\":\"reshape\",\"target_shape\":[32,16,16],\"name\":\"r\"},"
        "{\"type\":\"conv2d\",\"filters\":128,\"kernel_size\":5,\"padding\":\"same\",\"name\":"
        "\"b\"},"
        "{\"type\":\"conv2d\",\"filters\":128,\"kernel_size\":5,\"padding\":\"same\",\"name\":"
        "\"c\"},"
        "{\"type\":\"global_avg_pool2d\",\"name\":\"p\"},"
        "{\"type\":\"dense\",\"units\":2,\"name\":\"d\"}]}",
        (dense[]){{"a", 4, 8192, 0}, {"b", 32, 128, 5}, {"c", 128, 128, 5}, {"d", 128, 2, 0}}, 4, 5,
        0.02f);
}

/* Weights so large that its outputs overflow. */
UNUSED static void write_overflow(const char *path)
{
    write_model(path,
                "{\"name\":\"overflow\",\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":["
                "{\"type\":\"dense\",\"units\":2,\"name\":\"d\"}]}",
                (dense[]){{"d", 2, 2, 0}}, 1, 7, 3e38f);
}

/* The same with classes: softmax of infinities is NaN. */
UNUSED static void write_uncertain(const char *path)
{
    write_model(path,
                "{\"name\":\"uncertain\",\"inputs\":[{\"name\":\"x\",\"shape\":[2]}],\"layers\":["
                "{\"type\":\"dense\",\"units\":2,\"activation\":\"softmax\",\"name\":\"d\"}],"
                "\"labels\":[\"yes\",\"no\"]}",
                (dense[]){{"d", 2, 2, 0}}, 1, 7, 3e38f);
}

/* ---- the process
 * -------------------------------------------------------------------------------------- */

static void folder_new(void)
{
    snprintf(the.folder, sizeof the.folder, "/tmp/axond-test-XXXXXX");
    assert_non_null(mkdtemp(the.folder));
    snprintf(the.models, sizeof the.models, "%s/models", the.folder);
    snprintf(the.state, sizeof the.state, "%s/state", the.folder);
    snprintf(the.log, sizeof the.log, "%s/log", the.folder);
    mkdir(the.models, 0777);
}

/* build/axond beside build/tests/http/this */
static void binary(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    assert_true(n > 0);
    out[n] = 0;
    for (int up = 0; up < 3; up++)
        *strrchr(out, '/') = 0;
    snprintf(out + strlen(out), size - strlen(out), "/axond");
}

static int log_has(const char *word, char *line, size_t size)
{
    FILE *f = fopen(the.log, "r");
    int found = 0;
    while (f && !found && fgets(line, (int)size, f))
        found = strstr(line, word) != NULL;
    if (f)
        fclose(f);
    return found;
}

/* Start with these flags behind --listen, --models and --threads 2; NULL ends them. Waits until it
 * is ready. */
UNUSED static void start(const char *const *flags)
{
    char path[512], line[1024];
    const char *argv[40] = {path,       "serve",    "--listen",  "127.0.0.1:0",
                            "--models", the.models, "--state",   the.state,
                            "--threads", "2",       "--job-nice", "0"};
    int n = 12;
    binary(path, sizeof path);
    for (int i = 0; flags && flags[i]; i++)
        argv[n++] = flags[i];
    unlink(the.log);
    the.pid = fork();
    if (!the.pid) {
        int fd = open(the.log, O_CREAT | O_TRUNC | O_WRONLY, 0666);
        dup2(fd, 2);
        execv(path, (char **)argv);
        _exit(127);
    }
    for (double end = seconds() + 30; seconds() < end; nap(0.01)) {
        if (log_has(" ready ", line, sizeof line) || log_has("\"ready\"", line, sizeof line)) {
            const char *url = strstr(line, "http://127.0.0.1:");
            assert_non_null(url);
            the.port = atoi(url + 17);
            return;
        }
        if (waitpid(the.pid, NULL, WNOHANG) == the.pid)
            break;
    }
    fail_msg("the server does not start; see %s", the.log);
}

/* SIGTERM, and the exit code; -1 when it did not end in time. */
UNUSED static int stop(void)
{
    int status = 0;
    if (!the.pid) /* it has ended already */
        return -1;
    kill(the.pid, SIGTERM);
    for (double end = seconds() + 60; seconds() < end; nap(0.005))
        if (waitpid(the.pid, &status, WNOHANG) == the.pid) {
            the.pid = 0;
            the.failed |= status != 0;
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        }
    kill(the.pid, SIGKILL);
    the.failed = 1;
    return -1;
}

/* The folder stays for a look when the server did not end well. */
UNUSED static void folder_remove(void)
{
    char command[128];
    if (the.failed)
        return;
    snprintf(command, sizeof command, "rm -rf '%s'", the.folder);
    assert_int_equal(system(command), 0);
}

/* ---- requests
 * ------------------------------------------------------------------------------------------ */

typedef struct reply {
    long status;
    char *body;
    size_t len;
    char headers[4096];
} reply;

typedef struct request {
    const char *method, *path, *type, *body;
    size_t len; /* 0: strlen(body)            */
    const char *header[4];
} request;

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
    reply *r = ctx;
    char *more = realloc(r->body, r->len + size * n + 1);
    assert_non_null(more);
    r->body = more;
    memcpy(r->body + r->len, p, size * n);
    r->len += size * n;
    r->body[r->len] = 0;
    return size * n;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
    reply *r = ctx;
    size_t have = strlen(r->headers);
    if (have + size * n < sizeof r->headers) {
        memcpy(r->headers + have, p, size * n);
        r->headers[have + size * n] = 0;
    }
    return size * n;
}

/* Send one request; status 0 when there was no answer. Free with reply_free. */
static reply send_on(CURL *c, const request *q)
{
    reply r = {0};
    char url[512], type[128];
    struct curl_slist *headers = NULL;
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", the.port, q->path);
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &r);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, &r);
    if (q->body) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)(q->len ? q->len : strlen(q->body)));
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body);
    }
    if (q->method && !strcmp(q->method, "HEAD"))
        curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    else if (q->method)
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
    snprintf(type, sizeof type, "Content-Type:%s%s", q->type ? " " : "", q->type ? q->type : "");
    headers =
        curl_slist_append(headers, q->body && !q->type ? "Content-Type: application/json" : type);
    headers = curl_slist_append(headers, "Expect:");
    for (int i = 0; i < 4 && q->header[i]; i++)
        headers = curl_slist_append(headers, q->header[i]);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    CURLcode code = curl_easy_perform(c);
    if (code == CURLE_OK || r.headers[0])
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &r.status);
    curl_slist_free_all(headers);
    if (!r.body)
        r.body = calloc(1, 1);
    return r;
}

UNUSED static reply ask(const request *q)
{
    CURL *c = curl_easy_init();
    reply r = send_on(c, q);
    curl_easy_cleanup(c);
    return r;
}

UNUSED static reply get(const char *path)
{
    return ask(&(request){.path = path});
}

UNUSED static reply post(const char *path, const char *body)
{
    return ask(&(request){.method = "POST", .path = path, .body = body});
}

UNUSED static void reply_free(reply *r)
{
    free(r->body);
    r->body = NULL;
}

/* The status of a request whose answer does not matter. */
UNUSED static long status_of(const request *q)
{
    reply r = ask(q);
    reply_free(&r);
    return r.status;
}

/* Value of a metric line that starts with this text. */
UNUSED static double metric(const char *name)
{
    reply r = get("/metrics");
    const char *at = r.body;
    double v = NAN;
    size_t n = strlen(name);
    while (at && (strncmp(at, name, n) || at[n] != ' ')) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    if (at)
        v = atof(at + n);
    reply_free(&r);
    return v;
}

/* ---- raw sockets
 * ----------------------------------------------------------------------------------------- */

UNUSED static int dial(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)the.port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_true(fd >= 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){30, 0}, sizeof(struct timeval));
    if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
        fail_msg("connect: %s", strerror(errno));
    return fd;
}

UNUSED static int say(int fd, const char *text)
{
    size_t n = strlen(text);
    return send(fd, text, n, MSG_NOSIGNAL) == (ssize_t)n ? 0 : -1;
}

/* Read until the other side closes, or the text holds `until` (may be NULL). */
UNUSED static size_t hear(int fd, char *out, size_t size, const char *until)
{
    size_t have = 0;
    while (have < size - 1) {
        ssize_t n = recv(fd, out + have, size - 1 - have, 0);
        if (n <= 0)
            break;
        have += (size_t)n;
        out[have] = 0;
        if (until && strstr(out, until))
            break;
    }
    out[have] = 0;
    return have;
}

UNUSED static int count(const char *text, const char *word)
{
    int n = 0;
    for (; (text = strstr(text, word)); text += strlen(word))
        n++;
    return n;
}

/* ---- pictures
 * -------------------------------------------------------------------------------------------- */

static unsigned char *png_chunk(unsigned char *p, const char *type, const unsigned char *data,
                                uint32_t n)
{
    uLong crc = crc32(0, (const Bytef *)type, 4);
    if (n)
        crc = crc32(crc, data, n);
    uint32_t size = htonl(n), sum = htonl((uint32_t)crc);
    memcpy(p, &size, 4);
    memcpy(p + 4, type, 4);
    if (n)
        memcpy(p + 8, data, n);
    memcpy(p + 8 + n, &sum, 4);
    return p + 12 + n;
}

/* A grey PNG of width x height, all pixels of this value. Returns its size. */
UNUSED static size_t make_png(unsigned char *out, int width, int height, int value)
{
    static unsigned char raw[1 << 16], packed[1 << 16];
    uLongf n = sizeof packed;
    unsigned char head[13] = {0, 0, 0, (unsigned char)width, 0, 0, 0, (unsigned char)height, 8, 0,
                              0, 0, 0};
    for (int y = 0; y < height; y++) {
        raw[y * (width + 1)] = 0;
        memset(raw + y * (width + 1) + 1, value, (size_t)width);
    }
    assert_int_equal(compress(packed, &n, raw, (uLong)(height * (width + 1))), Z_OK);
    memcpy(out, "\x89PNG\r\n\x1a\n", 8);
    unsigned char *p = png_chunk(out + 8, "IHDR", head, 13);
    p = png_chunk(p, "IDAT", packed, (uint32_t)n);
    p = png_chunk(p, "IEND", NULL, 0);
    return (size_t)(p - out);
}

#endif
