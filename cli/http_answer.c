/* http_answer.c - an answer, read from a server that may send anything; see http_client.h.
 *
 * Every line and every head has a bound, a length is read digit by digit, and what contradicts itself
 * (two lengths, a length and chunks) is refused instead of interpreted. */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "http_wire.h"

enum { LINE = 8192, BODY_MAX = 64 << 20 };

typedef struct head {
    int status;
    int64_t length; /* -1: not told */
    int chunked;
} head;

/* Where the body goes. */
typedef struct body {
    const http_request *q; /* its take(); NULL: gathered */
    http_answer *a;
    size_t room;
} body;

/* ---- bytes ----------------------------------------------------------------------------------- */

/* 1: there are bytes; 0: the other side has closed. */
static int fill(http_wire *w, ax_err *err)
{
    while (w->at == w->have) {
        if (http_wait(w, POLLIN, err) < 0)
            return -1;
        ssize_t n = recv(w->fd, w->bytes, sizeof w->bytes, MSG_DONTWAIT);
        if (n == 0)
            return 0;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return ax_fail(err, AX_EIO, "%s: the connection broke: %s", w->name, strerror(errno));
        w->at = 0;
        w->have = n > 0 ? (size_t)n : 0;
        if (n > 0 && w->silence > 0)
            w->until = http_now() + w->silence;
    }
    return 1;
}

static int cut_off(const http_wire *w, const char *where, ax_err *err)
{
    return ax_fail(err, AX_EIO, "%s ended the connection in the middle of %s", w->name, where);
}

/* A line without its end, which is CRLF or LF. */
static int read_line(http_wire *w, char out[LINE], ax_err *err)
{
    size_t n = 0;
    for (;;) {
        int r = fill(w, err);
        if (r <= 0)
            return r < 0 ? -1 : cut_off(w, "an answer's head", err);
        char c = w->bytes[w->at++];
        if (!w->head_left--)
            return ax_fail(err, AX_ELIMIT, "%s sends a head without end", w->name);
        if (c == '\n')
            break;
        if (n == LINE - 1)
            return ax_fail(err, AX_ELIMIT, "%s sends a line of more than %d bytes in its head", w->name, LINE - 1);
        out[n++] = c;
    }
    n -= n && out[n - 1] == '\r';
    out[n] = 0;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)out[i] < ' ' && out[i] != '\t')
            return ax_fail(err, AX_EPARSE, "%s sends no HTTP: a control character in its head", w->name);
    return 0;
}

/* ---- the head -------------------------------------------------------------------------------- */

static int no_http(const http_wire *w, const char *what, const char *text, ax_err *err)
{
    return ax_fail(err, AX_EPARSE, "%s sends no HTTP: %s '%.60s'", w->name, what, text);
}

/* HTTP/1.1 200 OK */
static int read_status(http_wire *w, head *h, ax_err *err)
{
    char text[LINE];
    if (read_line(w, text, err) < 0)
        return -1;
    const char *s = text + 9;
    if (strncmp(text, "HTTP/1.", 7) || !isdigit((unsigned char)text[7]) || text[8] != ' ' || strspn(s, "0123456789") != 3 ||
        (s[3] && s[3] != ' ') || s[0] < '1' || s[0] > '5')
        return no_http(w, "it begins with", text, err);
    *h = (head){.status = (s[0] - '0') * 100 + (s[1] - '0') * 10 + s[2] - '0', .length = -1};
    return 0;
}

static int set_length(const http_wire *w, head *h, const char *value, ax_err *err)
{
    size_t digits = strspn(value, "0123456789");
    int64_t n = digits && digits <= 15 && !value[digits] ? strtoll(value, NULL, 10) : -1;
    if (n < 0 || (h->length >= 0 && h->length != n))
        return no_http(w, n < 0 ? "Content-Length is" : "a second Content-Length", value, err);
    h->length = n;
    return 0;
}

static int read_field(const http_wire *w, head *h, char *text, ax_err *err)
{
    size_t n = strcspn(text, ":"), end;
    if (!n || !text[n] || strcspn(text, " \t") < n)
        return no_http(w, "a line of its head is", text, err);
    char *value = text + n + 1 + strspn(text + n + 1, " \t");
    for (end = strlen(value); end && strchr(" \t", value[end - 1]);)
        value[--end] = 0;
    text[n] = 0;
    if (!strcasecmp(text, "Content-Length"))
        return set_length(w, h, value, err);
    if (strcasecmp(text, "Transfer-Encoding"))
        return 0;
    if (h->chunked || strcasecmp(value, "chunked"))
        return no_http(w, "it sends a body in the encoding", value, err);
    h->chunked = 1;
    return 0;
}

/* What announces the answer (100 Continue) is passed over. */
static int read_head(http_wire *w, head *h, ax_err *err)
{
    char text[LINE];
    do {
        if (read_status(w, h, err) < 0)
            return -1;
        for (;;) {
            if (read_line(w, text, err) < 0)
                return -1;
            if (!*text)
                break;
            if (read_field(w, h, text, err) < 0)
                return -1;
        }
    } while (h->status < 200);
    return h->chunked && h->length >= 0 ? ax_fail(err, AX_EPARSE, "%s sends no HTTP: a body with a length and in chunks", w->name)
                                        : 0;
}

/* ---- the body -------------------------------------------------------------------------------- */

static int gather(const http_wire *w, body *b, const char *bytes, size_t n, ax_err *err)
{
    http_answer *a = b->a;
    if (n > BODY_MAX - a->len)
        return ax_fail(err, AX_ELIMIT, "%s sends more than %d MiB", w->name, BODY_MAX >> 20);
    if (a->len + n >= b->room) {
        size_t room = 2 * (a->len + n) + 256;
        char *more = realloc(a->body, room);
        if (!more)
            return ax_fail(err, AX_ENOMEM, "no memory for the answer of %s", w->name);
        a->body = more;
        b->room = room;
    }
    memcpy(a->body + a->len, bytes, n);
    a->len += n;
    a->body[a->len] = 0;
    return 0;
}

/* Up to `most` of the bytes that are there go to the body. 1: it has enough. */
static int pass(http_wire *w, body *b, uint64_t most, uint64_t *passed, ax_err *err)
{
    size_t n = w->have - w->at;
    n = n < most ? n : (size_t)most;
    const char *bytes = w->bytes + w->at;
    w->at += n;
    *passed = n;
    if (b->q)
        return b->q->take(b->q->ctx, bytes, n) != 0;
    return gather(w, b, bytes, n, err);
}

static int read_sized(http_wire *w, body *b, uint64_t n, ax_err *err)
{
    while (n) {
        uint64_t passed;
        int r = fill(w, err);
        if (r <= 0)
            return r < 0 ? -1 : cut_off(w, "an answer", err);
        if ((r = pass(w, b, n, &passed, err)))
            return r;
        n -= passed;
    }
    return 0;
}

static int read_to_end(http_wire *w, body *b, ax_err *err)
{
    uint64_t passed;
    int r;
    while ((r = fill(w, err)) > 0)
        if ((r = pass(w, b, UINT64_MAX, &passed, err)))
            return r;
    return r;
}

/* "1f4" or "1f4;name=value" */
static int chunk_size(const http_wire *w, const char *text, uint64_t *n, ax_err *err)
{
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    size_t end = digits + strspn(text + digits, " \t");
    if (!digits || digits > 15 || (text[end] && text[end] != ';'))
        return no_http(w, "the size of a chunk is", text, err);
    *n = strtoull(text, NULL, 16);
    return 0;
}

/* The lines around chunks count as a head each: they are small, however many there are. */
static int read_chunks(http_wire *w, body *b, ax_err *err)
{
    char text[LINE];
    uint64_t n = 0;
    for (;;) {
        w->head_left = LINE;
        if (read_line(w, text, err) < 0 || chunk_size(w, text, &n, err) < 0)
            return -1;
        if (!n)
            break;
        int r = read_sized(w, b, n, err);
        if (r)
            return r;
        if (read_line(w, text, err) < 0)
            return -1;
        if (*text)
            return no_http(w, "behind a chunk comes", text, err);
    }
    do { /* trailers */
        if (read_line(w, text, err) < 0)
            return -1;
    } while (*text);
    return 0;
}

int http_answer_read(http_wire *w, const http_request *q, http_answer *a, ax_err *err)
{
    head h;
    if (read_head(w, &h, err) < 0)
        return -1;
    body b = {q->take && h.status < 300 ? q : NULL, a, 0};
    a->status = h.status;
    if (b.q)
        w->silence = q->silence, w->until = http_now() + q->silence;
    if (gather(w, &b, "", 0, err) < 0)
        return -1;
    int r = h.status == 204 || h.status == 304 ? 0
            : h.chunked                        ? read_chunks(w, &b, err)
            : h.length >= 0                    ? read_sized(w, &b, (uint64_t)h.length, err)
                                               : read_to_end(w, &b, err);
    return r < 0 ? -1 : 0;
}
