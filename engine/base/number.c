/* number.c - shortest doubles by trying; see number.h.
 *
 * printf rounds correctly to n digits and strtod reads correctly, so the first n whose digits read
 * back is the shortest. Up to 15 digits always survive the way through a normal double: 15 with
 * the zeros behind them cut off come first there, and only subnormals start at one digit. A power of
 * two has a gap below half as wide as the one above. There the nearest n digits can lie below the
 * double and miss it while the next ones up reach it (2^89 = 6.189700196426902e26), so those are
 * tried too. Digits go to strtod as an integer and an exponent, without the locale's point. */
#include "base/number.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAFE = 15, /* digits that a normal double keeps, whatever they are */
    ALL = 17   /* digits that tell every double                        */
};

typedef struct digits {
    char d[ALL + 1];
    int n, e; /* the value is d[0].d[1]d[2]... * 10^e */
} digits;

/* v > 0 rounded to n digits. */
static digits round_to(double v, int n)
{
    char text[48];
    snprintf(text, sizeof text, "%.*e", n - 1, v);
    digits r = {.n = 0};
    const char *p = text;
    for (; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9')
            r.d[r.n++] = *p;
    r.e = atoi(p + 1);
    return r;
}

static void cut_zeros(digits *r)
{
    while (r->n > 1 && r->d[r->n - 1] == '0')
        r->n--;
}

/* The next larger one of as many digits. */
static digits above(digits r)
{
    int i = r.n - 1;
    for (; i >= 0 && r.d[i] == '9'; i--)
        r.d[i] = '0';
    if (i >= 0)
        r.d[i]++;
    else
        r.d[0] = '1', r.e++;
    return r;
}

static int reads_back(const digits *r, double v)
{
    char text[48];
    snprintf(text, sizeof text, "%.*se%d", r->n, r->d, r->e - (r->n - 1));
    return strtod(text, NULL) == v;
}

static digits shortest(double v)
{
    int exponent, uneven = frexp(v, &exponent) == 0.5 && v > DBL_MIN;
    for (int n = v < DBL_MIN ? 1 : SAFE;; n++) {
        digits r = round_to(v, n);
        if (n == ALL || reads_back(&r, v))
            return cut_zeros(&r), r;
        digits up = above(r);
        if (uneven && reads_back(&up, v))
            return cut_zeros(&up), up;
    }
}

const char *ax_number_str(double v, char *out)
{
    const char *sign = signbit(v) ? "-" : "";
    if (isnan(v))
        return strcpy(out, "NaN");
    if (isinf(v) || v == 0) {
        snprintf(out, AX_NUMBER_MAX, "%s%s", sign, v == 0 ? "0" : "Infinity");
        return out;
    }
    digits r = shortest(fabs(v));
    int whole = r.e + 1; /* digits before the point */
    if (r.e < -4 || r.e >= 16)
        snprintf(out, AX_NUMBER_MAX, "%s%c%s%.*se%d", sign, r.d[0], r.n > 1 ? "." : "", r.n - 1,
                 r.d + 1, r.e);
    else if (r.e < 0)
        snprintf(out, AX_NUMBER_MAX, "%s0.%.*s%.*s", sign, -whole, "000", r.n, r.d);
    else if (r.n <= whole)
        snprintf(out, AX_NUMBER_MAX, "%s%.*s%.*s", sign, r.n, r.d, whole - r.n, "000000000000000");
    else
        snprintf(out, AX_NUMBER_MAX, "%s%.*s.%.*s", sign, whole, r.d, r.n - whole, r.d + whole);
    return out;
}
