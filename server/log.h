/* log.h - one line an event on standard error, as text or JSON.
 *
 * Lines are put together by the caller's thread, collected in one bounded buffer and written by a
 * thread of their own, so a terminal or pipe that does not take them never stops a request: when
 * the buffer is full, lines are dropped and counted. Thread-safe. */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include <stdint.h>

#include "axon.h"

typedef enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG } log_level;

/* Until started, and after it is stopped, lines are written at once. */
int log_start(int json, log_level level, ax_err *err);
void log_stop(void); /* writes what is left */

int log_wants(log_level level);

/* A field of a line: a text, or a number when text is NULL. */
typedef struct log_field {
    const char *key, *text;
    double number;
} log_field;

/* "event" is a word, message a sentence or "". */
void log_event(log_level level, const char *event, const log_field *fields, int n);

/* An event with a printf-formatted "message" field alone. */
void log_line(log_level level, const char *event, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define LOG_EVENT(level, event, ...)                                                               \
    log_event(level, event, (const log_field[]){__VA_ARGS__},                                      \
              (int)(sizeof((log_field[]){__VA_ARGS__}) / sizeof(log_field)))

uint64_t log_dropped(void); /* lines lost so far */

#endif
