/* log.c - lines to standard error; see log.h. */
#include "log.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"

enum { FULL = 256 * 1024, FLUSH_US = 10000 };

static struct {
    pthread_mutex_t lock; /* guards filling, idle, stopping */
    pthread_cond_t wake;
    buf filling, writing; /* writing belongs to the thread  */
    int idle, stopping, running;
    pthread_t thread;
    int json;
    _Atomic int level;
    _Atomic uint64_t dropped;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER, .level = LOG_INFO};

static void write_all(const char *p, size_t n)
{
    while (n) {
        ssize_t w = write(STDERR_FILENO, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return;
        p += w;
        n -= (size_t)w;
    }
}

/* Sleep until there is a line, then write every FLUSH_US what has come: a busy server pays for no
 * wake-up per line. */
static void *writer(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&state.lock);
    for (;;) {
        while (!state.filling.len && !state.stopping) {
            state.idle = 1;
            pthread_cond_wait(&state.wake, &state.lock);
        }
        state.idle = 0;
        buf full = state.filling;
        state.filling = state.writing;
        state.writing = full;
        int stopping = state.stopping;
        pthread_mutex_unlock(&state.lock);
        write_all(full.data, full.len);
        buf_clear(&state.writing);
        if (stopping && !full.len)
            return NULL;
        if (!stopping)
            nanosleep(&(struct timespec){0, FLUSH_US * 1000L}, NULL);
        pthread_mutex_lock(&state.lock);
    }
}

int log_start(int json, log_level level, ax_err *err)
{
    state.json = json;
    state.level = level;
    state.stopping = 0;
    if (pthread_create(&state.thread, NULL, writer, NULL))
        return ax_fail(err, AX_EIO, "cannot start the log thread");
    state.running = 1;
    return 0;
}

void log_stop(void)
{
    if (!state.running)
        return;
    pthread_mutex_lock(&state.lock);
    state.stopping = 1;
    pthread_cond_signal(&state.wake);
    pthread_mutex_unlock(&state.lock);
    pthread_join(state.thread, NULL);
    state.running = 0;
    buf_free(&state.filling);
    buf_free(&state.writing);
}

int log_wants(log_level level)
{
    return (int)level <= atomic_load_explicit(&state.level, memory_order_relaxed);
}

uint64_t log_dropped(void)
{
    return atomic_load_explicit(&state.dropped, memory_order_relaxed);
}

static void emit(const char *line, size_t n)
{
    if (!state.running) {
        write_all(line, n);
        return;
    }
    pthread_mutex_lock(&state.lock);
    if (state.filling.len + n > FULL) {
        atomic_fetch_add_explicit(&state.dropped, 1, memory_order_relaxed);
    } else {
        buf_add(&state.filling, line, n);
        if (state.idle) {
            state.idle = 0;
            pthread_cond_signal(&state.wake);
        }
    }
    pthread_mutex_unlock(&state.lock);
}

/* 2026-01-31T12:00:00.123Z; the date part is made once a second and thread. */
static void put_time(buf *b)
{
    static _Thread_local time_t second = -1;
    static _Thread_local char text[24];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (now.tv_sec != second) {
        struct tm tm;
        gmtime_r(&now.tv_sec, &tm);
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.", &tm);
        second = now.tv_sec;
    }
    int ms = (int)(now.tv_nsec / 1000000);
    buf_str(b, text);
    for (int digit = 100; digit; digit /= 10)
        buf_char(b, (char)('0' + ms / digit % 10));
    buf_char(b, 'Z');
}

static int is_plain(const char *s)
{
    if (!*s)
        return 0;
    for (; *s; s++)
        if (*s <= ' ' || *s == '"' || *s == '\\' || *s == '=' || (unsigned char)*s >= 0x7f)
            return 0;
    return 1;
}

static void put_number(buf *b, double v)
{
    if (v == floor(v) && fabs(v) < 1e15)
        buf_i64(b, (int64_t)v);
    else if (isfinite(v))
        buf_f32(b, (float)v);
    else
        buf_str(b, "null");
}

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void log_event(log_level level, const char *event, const log_field *fields, int n)
{
    if (!log_wants(level))
        return;
    buf line = {0};
    if (state.json)
        buf_str(&line, "{\"time\":\"");
    put_time(&line);
    buf_str(&line, state.json ? "\",\"level\":\"" : " ");
    buf_str(&line, level_names[level]);
    buf_str(&line, state.json ? "\",\"event\":\"" : " ");
    buf_str(&line, event);
    if (state.json)
        buf_char(&line, '"');
    for (int i = 0; i < n; i++) {
        const log_field *f = &fields[i];
        if (!f->key)
            continue;
        buf_str(&line, state.json ? ",\"" : " ");
        buf_str(&line, f->key);
        buf_str(&line, state.json ? "\":" : "=");
        if (!f->text)
            put_number(&line, f->number);
        else if (state.json || !is_plain(f->text))
            buf_json(&line, f->text);
        else
            buf_str(&line, f->text);
    }
    buf_str(&line, state.json ? "}\n" : "\n");
    if (!line.failed)
        emit(line.data, line.len);
    buf_free(&line);
}

void log_line(log_level level, const char *event, const char *fmt, ...)
{
    char text[1200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    LOG_EVENT(level, event, {"message", text, 0});
}
