/* events.c - see events.h. */
#include "events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 16 << 20 };

void events_init(event_reader *r, int (*on_event)(void *ctx, const char *kind, const char *data), void *ctx)
{
    *r = (event_reader){.on_event = on_event, .ctx = ctx, .id = -1};
}

void events_fini(event_reader *r)
{
    free(r->line.bytes);
    free(r->data.bytes);
}

void events_again(event_reader *r)
{
    r->line.n = r->data.n = 0;
    r->kind[0] = 0;
    r->id = -1;
    r->after_cr = 0;
}

static int add(event_reader *r, event_text *t, const char *bytes, size_t n)
{
    if (n > TEXT_MAX - t->n)
        return ax_fail(&r->err, AX_ELIMIT, "an event of more than %d MiB", TEXT_MAX >> 20);
    if (t->n + n >= t->room) {
        size_t room = 2 * (t->n + n) + 64;
        char *more = realloc(t->bytes, room);
        if (!more)
            return ax_fail(&r->err, AX_ENOMEM, "no memory for an event");
        t->bytes = more;
        t->room = room;
    }
    memcpy(t->bytes + t->n, bytes, n);
    t->n += n;
    t->bytes[t->n] = 0;
    return 0;
}

/* The empty line: an event is complete. */
static int dispatch(event_reader *r)
{
    int any = r->data.n > 0, enough = 0;
    if (any)
        r->data.bytes[--r->data.n] = 0; /* each line of data has an LF behind it, the last one not */
    if (r->id >= 0)
        r->last = r->id;
    if (any)
        enough = r->on_event(r->ctx, *r->kind ? r->kind : "message", r->data.bytes);
    events_again(r);
    return enough;
}

static void set_id(event_reader *r, const char *value)
{
    size_t n = strspn(value, "0123456789");
    if (n && n <= 15 && !value[n])
        r->id = strtoll(value, NULL, 10);
}

static int take_line(event_reader *r)
{
    char *text = r->line.n ? r->line.bytes : NULL;
    if (!text)
        return dispatch(r);
    size_t name = strcspn(text, ":");
    const char *value = text + name + (text[name] == ':');
    value += *value == ' ';
    text[name] = 0;
    if (!strcmp(text, "data"))
        return add(r, &r->data, value, strlen(value)) || add(r, &r->data, "\n", 1);
    if (!strcmp(text, "event"))
        snprintf(r->kind, sizeof r->kind, "%s", value);
    else if (!strcmp(text, "id"))
        set_id(r, value);
    return 0;
}

int events_take(void *ctx, const char *bytes, size_t n)
{
    event_reader *r = ctx;
    for (const char *end = bytes + n; bytes < end;) {
        if (r->after_cr && *bytes == '\n')
            bytes++;
        r->after_cr = 0;
        const char *stop = bytes;
        while (stop < end && *stop != '\n' && *stop != '\r')
            stop++;
        if (add(r, &r->line, bytes, (size_t)(stop - bytes)) < 0)
            return -1;
        if (stop == end)
            break;
        r->after_cr = *stop == '\r';
        bytes = stop + 1;
        int enough = take_line(r);
        r->line.n = 0;
        if (enough || r->err.code)
            return -1;
    }
    return 0;
}
