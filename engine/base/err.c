/* err.c - errors as values; see err.h. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

/* Formatted apart first: the arguments may point into the very error that is being filled
 * ("model 'x': %s", err->msg). Names from outside may hold any bytes: what comes out is clean. */
static void put(char *to, size_t size, int keep_lines, const char *fmt, va_list ap)
{
    char text[sizeof(ax_err)] = "";
    vsnprintf(text, size, fmt, ap);
    ax_utf8_clean(text, keep_lines);
    memcpy(to, text, strlen(text) + 1);
}

int ax_fail(ax_err *err, ax_code code, const char *fmt, ...)
{
    if (!err)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    put(err->msg, sizeof err->msg, 0, fmt, ap);
    va_end(ap);
    err->code = code;
    err->at[0] = err->hint[0] = 0;
    return -1;
}

int ax_err_in(ax_err *err, const char *fmt, ...)
{
    if (!err)
        return -1;
    char head[sizeof err->at], path[2 * sizeof err->at];
    va_list ap;
    va_start(ap, fmt);
    put(head, sizeof head, 0, fmt, ap);
    va_end(ap);
    const char *dot = head[0] && err->at[0] && err->at[0] != '[' ? "." : "";
    snprintf(path, sizeof path, "%s%s%s", head, dot, err->at);
    path[sizeof err->at - 1] = 0;
    ax_utf8_clean(path, 0);
    memcpy(err->at, path, strlen(path) + 1);
    return -1;
}

int ax_err_hint(ax_err *err, const char *fmt, ...)
{
    if (!err)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    put(err->hint, sizeof err->hint, 1, fmt, ap);
    va_end(ap);
    return -1;
}

const char *ax_code_name(ax_code code)
{
    static const char *const names[] = {
        [AX_OK] = "ok",
        [AX_EINVAL] = "invalid",
        [AX_EPARSE] = "parse_error",
        [AX_ESHAPE] = "shape_mismatch",
        [AX_ETYPE] = "wrong_type",
        [AX_ERANGE] = "out_of_range",
        [AX_ENOTFOUND] = "not_found",
        [AX_EEXIST] = "already_exists",
        [AX_ELIMIT] = "limit_exceeded",
        [AX_ENOMEM] = "out_of_memory",
        [AX_EIO] = "io_error",
        [AX_ECORRUPT] = "corrupt",
        [AX_EUNSUPPORTED] = "unsupported",
        [AX_EUNKNOWN] = "unknown_value",
        [AX_ENONFINITE] = "non_finite_output",
        [AX_ECANCELED] = "canceled",
    };
    return (unsigned)code < sizeof names / sizeof *names ? names[code] : "unknown";
}

static int lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

enum {
    LONGEST_NAME = 63, /* longer ones are never near anything                  */
    PREFIX = 3         /* "out" is near "output": as far as near things may be */
};

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* How many letters to change, put in, leave out or swap with their neighbour; case aside. */
static int distance(const char *a, int la, const char *b, int lb)
{
    int rows[3][LONGEST_NAME + 1], *before = rows[0], *above = rows[1], *row = rows[2];
    for (int j = 0; j <= lb; j++)
        row[j] = j;
    for (int i = 1; i <= la; i++) {
        int *oldest = before;
        before = above, above = row, row = oldest;
        row[0] = i;
        for (int j = 1; j <= lb; j++) {
            int same = lower(a[i - 1]) == lower(b[j - 1]);
            row[j] = least(above[j - 1] + !same, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
    }
    return row[lb];
}

const char *ax_nearest(const char *name, const char *const *names, int n)
{
    const char *best = NULL;
    int best_d = 0, la = (int)strnlen(name, LONGEST_NAME + 1);
    for (int i = 0; i < n && la <= LONGEST_NAME; i++) {
        int lb = (int)strnlen(names[i], LONGEST_NAME + 1), longer = la > lb ? la : lb;
        if (lb > LONGEST_NAME)
            continue;
        int d = distance(name, la, names[i], lb), begins = least(la, lb);
        if (begins >= PREFIX && !strncasecmp(name, names[i], (size_t)begins))
            d = least(d, longer / 3);
        if (d * 3 <= longer && (!best || d < best_d))
            best = names[i], best_d = d;
    }
    return best;
}
