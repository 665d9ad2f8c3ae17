/* err.c - errors as values; see err.h. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ax_fail(ax_err *err, ax_code code, const char *fmt, ...)
{
    if (!err)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    err->code = code;
    err->at[0] = err->hint[0] = 0;
    vsnprintf(err->msg, sizeof err->msg, fmt, ap);
    va_end(ap);
    return -1;
}

int ax_err_in(ax_err *err, const char *fmt, ...)
{
    if (!err)
        return -1;
    char head[sizeof err->at], tail[sizeof err->at];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(head, sizeof head, fmt, ap);
    va_end(ap);
    memcpy(tail, err->at, sizeof tail);
    size_t n = strlen(head);
    const char *dot = tail[0] && tail[0] != '[' ? "." : "";
    memcpy(err->at, head, n + 1);
    int room = (int)(sizeof err->at - n - strlen(dot)) - 1;
    if (room > 0)
        snprintf(err->at + n, sizeof err->at - n, "%s%.*s", dot, room, tail);
    return -1;
}

int ax_err_hint(ax_err *err, const char *fmt, ...)
{
    if (!err)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->hint, sizeof err->hint, fmt, ap);
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
        [AX_ENONFINITE] = "non_finite_output",
        [AX_ECANCELED] = "canceled",
    };
    return (unsigned)code < sizeof names / sizeof *names ? names[code] : "unknown";
}

/* Levenshtein distance of names cut at 63 bytes; longer ones are never near anything. */
static int distance(const char *a, const char *b)
{
    enum { MAX = 64 };
    int la = (int)strlen(a), lb = (int)strlen(b), row[MAX];
    if (la >= MAX || lb >= MAX)
        return MAX;
    for (int j = 0; j <= lb; j++)
        row[j] = j;
    for (int i = 1; i <= la; i++) {
        int diag = row[0];
        row[0] = i;
        for (int j = 1; j <= lb; j++) {
            int best = diag + (a[i - 1] != b[j - 1]);
            diag = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[lb];
}

const char *ax_nearest(const char *name, const char *const *names, int n)
{
    const char *best = NULL;
    int best_d = 0;
    for (int i = 0; i < n; i++) {
        size_t la = strlen(name), lb = strlen(names[i]);
        int longer = (int)(la > lb ? la : lb), d = distance(name, names[i]);
        if (d * 3 <= longer && (!best || d < best_d))
            best = names[i], best_d = d;
    }
    return best;
}
