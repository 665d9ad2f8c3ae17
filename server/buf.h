/* buf.h - text that grows: answers, log lines, metrics.
 *
 * Appending never fails loudly: when memory or the size bound is reached the buffer is marked
 * `failed`, keeps what it has and swallows the rest; the owner looks once, at the end.
 * Thread rule: one thread at a time. */
#ifndef SERVER_BUF_H
#define SERVER_BUF_H

#include <stddef.h>
#include <stdint.h>

#define BUF_MAX ((size_t)1 << 30) /* no answer is larger than this */

typedef struct buf {
    char *data;
    size_t len, cap;
    int failed;
} buf;

/* Room for n more bytes behind len; NULL (and failed) when it cannot be had. The caller writes
 * there and adds what it wrote to len. */
char *buf_room(buf *b, size_t n);

void buf_add(buf *b, const void *p, size_t n);
void buf_str(buf *b, const char *s);
void buf_char(buf *b, char c);
void buf_printf(buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_u64(buf *b, uint64_t v);
void buf_i64(buf *b, int64_t v);
void buf_micros(buf *b, int64_t ns); /* a time in ms: 12.345                       */
void buf_f32(buf *b, float v);       /* shortest text that reads back; v must be finite */

void buf_f64(buf *b, double v); /* the same for a double                       */

/* s as a JSON string with quotes; bytes that are not UTF-8 become U+FFFD. NULL becomes null. */
void buf_json(buf *b, const char *s);

void buf_clear(buf *b);             /* len 0, not failed; keeps the memory                */
void buf_trim(buf *b, size_t keep); /* as clear, and frees memory above keep     */
void buf_free(buf *b);

#endif
