/* head.c - see head.h. */
#include "head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void head_init(head *h)
{
    *h = (head){.raw_q = -1, .json_q = -1};
}

static int body_type(const char *s)
{
    // clang-format off
    static const struct { const char *name; int type; } types[] = {
        {"application/json", BODY_JSON}, {"text/json", BODY_JSON},
        {"application/x-www-form-urlencoded", BODY_FORM},
        {"application/octet-stream", BODY_RAW},
        {"text/csv", BODY_CSV}, {"application/csv", BODY_CSV},
        {"application/gzip", BODY_GZIP}, {"application/x-gzip", BODY_GZIP},
        {"image/png", BODY_PNG}, {"image/jpeg", BODY_JPEG}, {"image/jpg", BODY_JPEG},
    };
    // clang-format on
    if (!s)
        return BODY_NONE;
    size_t n = strcspn(s, "; \t");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strlen(types[i].name) == n && !strncasecmp(s, types[i].name, n))
            return types[i].type;
    return BODY_OTHER;
}

/* The weight behind ";q=" of an element of Accept that ends at `end`; 1 without one. */
static double weight(const char *s, const char *end)
{
    for (; s < end; s++)
        if (*s == ';') {
            s += 1 + strspn(s + 1, " \t");
            if ((*s | 32) == 'q' && s[1] == '=')
                return atof(s + 2);
            s--;
        }
    return 1;
}

/* "application/json, application/octet-stream;q=0.5". A name counts for more than a pattern. */
static void read_accept(head *h, const char *s)
{
    static const char raw[] = "application/octet-stream", json[] = "application/json";
    while (*s) {
        s += strspn(s, ", \t");
        size_t n = strcspn(s, ",; \t"), all = strcspn(s, ",");
        if (n == sizeof raw - 1 && !strncasecmp(s, raw, n))
            h->raw_q = weight(s, s + all);
        else if (n == sizeof json - 1 && !strncasecmp(s, json, n))
            h->json_q = weight(s, s + all);
        s += all;
    }
}

static void only_once(head *h, const char **field, const char *value, const char *wrong)
{
    if (*field)
        h->wrong = wrong;
    *field = value;
}

static void read_length(head *h, const char *value)
{
    long long n = strtoll(value, NULL, 10); /* the transport has refused what is no number */
    if (h->has_length && n != h->length)
        h->wrong = "two lengths of the body";
    h->length = n;
    h->has_length = 1;
}

void head_add(head *h, const char *name, const char *value)
{
    if (name[strcspn(name, " \t")])
        h->wrong = "a space before the colon of a header";
    switch (name[0] | 32) { /* most headers are not ours */
    case 'a':
        if (!strcasecmp(name, "Accept"))
            read_accept(h, value);
        else if (!strcasecmp(name, "Authorization"))
            only_once(h, &h->key, value, "Authorization twice");
        break;
    case 'c':
        if (!strcasecmp(name, "Content-Type"))
            only_once(h, &h->type, value, "Content-Type twice");
        else if (!strcasecmp(name, "Content-Length"))
            read_length(h, value);
        else if (!strcasecmp(name, "Content-Encoding"))
            only_once(h, &h->coding, value, "Content-Encoding twice");
        break;
    case 'h':
        if (!strcasecmp(name, "Host"))
            only_once(h, &h->host, value, "Host twice");
        break;
    case 'i':
        if (!strcasecmp(name, "Idempotency-Key"))
            only_once(h, &h->once, value, "Idempotency-Key twice");
        break;
    case 'l':
        if (!strcasecmp(name, "Last-Event-ID"))
            only_once(h, &h->last_event, value, "Last-Event-ID twice");
        break;
    case 'o':
        if (!strcasecmp(name, "Origin"))
            only_once(h, &h->origin, value, "Origin twice");
        break;
    case 't':
        if (!strcasecmp(name, "Transfer-Encoding"))
            only_once(h, &h->encoding, value, "Transfer-Encoding twice");
        break;
    case 'x':
        if (!strcasecmp(name, "X-Request-Id"))
            h->id = value;
        break;
    }
}

/* It is shown in lines to paste into a shell, so it has to look like a host. */
static int is_host(const char *s, size_t room)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]%";
    size_t n = strspn(s, letters);
    return !s[n] && n < room;
}

static int is_key(const char *s)
{
    size_t n = 0;
    while (s[n] >= ' ' && s[n] < 0x7f)
        n++;
    return n && !s[n] && n <= 255;
}

/* -1 when it is none. */
static int64_t event_number(const char *s)
{
    size_t n = strspn(s, "0123456789");
    return n && !s[n] && n <= 18 ? strtoll(s, NULL, 10) : -1;
}

static void check(head *h, const char *version, const request *r)
{
    int old = !strcmp(version, "HTTP/1.0");
    if (h->encoding && strcasecmp(h->encoding, "chunked"))
        h->wrong = "a Transfer-Encoding that is not chunked";
    else if (h->encoding && (h->has_length || old))
        h->wrong = old ? "Transfer-Encoding, which HTTP/1.0 does not have"
                       : "both Content-Length and Transfer-Encoding";
    else if (!h->host && !old)
        h->wrong = "no Host, which HTTP/1.1 asks for";
    else if (h->host && !is_host(h->host, sizeof r->host))
        h->wrong = "a Host that is no name or address";
    else if (h->once && !is_key(h->once))
        h->wrong = "an Idempotency-Key that is empty, longer than 255 characters or not printable ASCII";
    else if (h->last_event && event_number(h->last_event) < 0)
        h->wrong = "a Last-Event-ID that is none of the numbers sent as id";
}

void head_finish(head *h, const char *version, request *r)
{
    r->type = body_type(h->type);
    r->length = h->encoding ? -1 : h->has_length ? h->length : 0;
    r->last_event = -1;
    r->accept_raw = h->raw_q > 0 && h->raw_q > h->json_q;
    request_set_id(r, h->id);
    if (!h->wrong)
        check(h, version, r);
    if (h->wrong) {
        problem_set(&r->why, 400, "bad_head", "the head of the request has %s", h->wrong);
        r->close = 1; /* where it ends is a matter of opinion */
        return;
    }
    if (h->host)
        snprintf(r->host, sizeof r->host, "%s", h->host);
    if (h->last_event)
        r->last_event = event_number(h->last_event);
    if (h->once && !(r->key = ax_arena_strdup(&r->mem, h->once)))
        problem_set(&r->why, 503, "out_of_memory", "out of memory");
}
