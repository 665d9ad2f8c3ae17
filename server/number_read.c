/* number_read.c - the careful half of the number reader; see number.h.
 *
 * Grammar first (RFC 8259: no leading zeros, no bare point, no plus), byte by byte and never beyond
 * `end`; then the significant digits go to strtof as "digits e exponent", which has no decimal
 * point and therefore does not depend on the locale. A text longer than any float's midpoint needs
 * keeps its first digits and one that says "and a bit more". */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "number.h"

// clang-format off
const double number_pow10[] = {
    1e-64, 1e-63, 1e-62, 1e-61, 1e-60, 1e-59, 1e-58, 1e-57, 1e-56, 1e-55,
    1e-54, 1e-53, 1e-52, 1e-51, 1e-50, 1e-49, 1e-48, 1e-47, 1e-46, 1e-45,
    1e-44, 1e-43, 1e-42, 1e-41, 1e-40, 1e-39, 1e-38, 1e-37, 1e-36, 1e-35,
    1e-34, 1e-33, 1e-32, 1e-31, 1e-30, 1e-29, 1e-28, 1e-27, 1e-26, 1e-25,
    1e-24, 1e-23, 1e-22, 1e-21, 1e-20, 1e-19, 1e-18, 1e-17, 1e-16, 1e-15,
    1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5,
    1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4, 1e5,
    1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25,
    1e26, 1e27, 1e28, 1e29, 1e30, 1e31, 1e32, 1e33, 1e34, 1e35,
    1e36, 1e37, 1e38,
};
// clang-format on

/* The longest midpoint between two doubles has 767 significant digits, between two floats 113. */
enum { DIGITS = 800 };

typedef struct token {
    char text[DIGITS + 32]; /* "-123e-4"                     */
    int negative, zero;     /* zero: all digits are zero     */
} token;

static int is_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

/* Collect one digit: significant ones are kept up to DIGITS, a non-zero one after that sets *rest.
 */
static void keep(token *t, int *n, int *rest, char c)
{
    if (*n < DIGITS)
        t->text[1 + (*n)++] = c;
    else
        *rest |= c != '0';
}

/* Check the grammar and normalise. The byte behind the number, or NULL. */
static const char *scan(const char *p, const char *end, token *t)
{
    int n = 0, rest = 0;
    int64_t e = 0, exponent = 0;
    t->negative = p < end && *p == '-';
    p += t->negative;
    if (!is_digit(p, end) || (*p == '0' && is_digit(p + 1, end)))
        return NULL;
    for (; is_digit(p, end); p++) {
        e += n >= DIGITS;
        if (n || *p != '0')
            keep(t, &n, &rest, *p);
    }
    if (p < end && *p == '.') {
        if (!is_digit(++p, end))
            return NULL;
        for (; is_digit(p, end); p++) {
            e -= n < DIGITS;
            if (n || *p != '0')
                keep(t, &n, &rest, *p);
        }
    }
    if (p < end && (*p | 32) == 'e') {
        int minus = ++p < end && *p == '-';
        p += minus || (p < end && *p == '+');
        if (!is_digit(p, end))
            return NULL;
        for (; is_digit(p, end); p++)
            if (exponent < INT_MAX)
                exponent = exponent * 10 + (*p - '0');
        e += minus ? -exponent : exponent;
    }
    t->zero = !n;
    t->text[0] = t->negative ? '-' : '+';
    if (rest)
        t->text[1 + n++] = '1', e--;
    snprintf(t->text + 1 + n, 24, "%se%lld", n ? "" : "0",
             (long long)(e > 1000000    ? 1000000
                         : e < -1000000 ? -1000000
                                        : e));
    return p;
}

const char *number_read_slow(const char *p, const char *end, float *out)
{
    if (end - p < NUMBER_WINDOW && p < end) {
        /* The last numbers of a text: give the fast reader a window of its own. */
        char window[2 * NUMBER_WINDOW] = {0};
        memcpy(window, p, (size_t)(end - p));
        const char *stop = number_read(window, window + sizeof window, out);
        return stop ? p + (stop - window) : NULL;
    }
    token t;
    const char *stop = scan(p, end, &t);
    *out = NAN;
    if (!stop)
        return NULL;
    *out = strtof(t.text, NULL);
    return isinf(*out) ? NULL : stop;
}

const char *number_read_f64(const char *p, const char *end, double *out)
{
    token t;
    const char *stop = scan(p, end, &t);
    *out = NAN;
    if (!stop)
        return NULL;
    *out = strtod(t.text, NULL);
    return isinf(*out) ? NULL : stop;
}

const char *number_read_whole(const char *p, const char *end, int *negative, uint64_t *magnitude)
{
    token t;
    const char *stop = scan(p, end, &t);
    if (!stop)
        return NULL;
    char *e = strchr(t.text, 'e');
    long exponent = strtol(e + 1, NULL, 10);
    for (; exponent < 0 && e > t.text + 2 && e[-1] == '0'; exponent++)
        e--; /* 2.0 and 1200e-2 are integers */
    if (t.zero)
        return *negative = 0, *magnitude = 0, stop;
    if (exponent < 0 || exponent + (e - t.text) > 21)
        return NULL;
    memset(e, '0', (size_t)exponent);
    e[exponent] = 0;
    errno = 0;
    *negative = t.negative;
    *magnitude = strtoull(t.text + 1, NULL, 10);
    return errno ? NULL : stop;
}

const char *number_read_i64(const char *p, const char *end, int64_t *out)
{
    int negative;
    uint64_t magnitude;
    const char *stop = number_read_whole(p, end, &negative, &magnitude);
    if (!stop || magnitude > (uint64_t)INT64_MAX + (uint64_t)negative)
        return NULL;
    *out = (int64_t)(negative ? 0 - magnitude : magnitude);
    return stop;
}
