/* events.h - the lines of an event stream (text/event-stream) as events, however they come in pieces.
 *
 * As the HTML standard has it: lines end in LF, CR or CRLF; "event", "data" and "id" are known, other
 * fields and comments are passed over; an empty line ends an event, and one without data is none. An
 * id counts when it is a whole number, since it is sent back in a header. Lines and data are bounded,
 * since every byte is hostile. One thread. */
#ifndef CLI_EVENTS_H
#define CLI_EVENTS_H

#include <stdint.h>

#include "axon.h"

typedef struct event_text {
    char *bytes; /* with a 0 behind them once there are any */
    size_t n, room;
} event_text;

typedef struct event_reader {
    /* An event: its kind ("message" where it has none) and its data, borrowed for the call. Non-zero:
     * enough. */
    int (*on_event)(void *ctx, const char *kind, const char *data);
    void *ctx;
    int64_t last;    /* the id to come back with; 0: none yet                   */
    ax_err err;      /* code set: the stream is given up, or there is no memory */
    event_text line, data;
    char kind[32];
    int64_t id;      /* of the event that is being read; -1: it has none        */
    int after_cr;
} event_reader;

void events_init(event_reader *r, int (*on_event)(void *ctx, const char *kind, const char *data), void *ctx);
void events_fini(event_reader *r);

/* Read on; what an event was cut off in is forgotten by events_again(), before a new connection. Fits
 * http_request.take, ctx being the event_reader. Non-zero: enough, or r->err. */
int events_take(void *ctx, const char *bytes, size_t n);
void events_again(event_reader *r);

#endif
