/* lex.c - characters to tokens, and where in the text something is wrong.
 *
 * A number is read as an integer of at most 32 digits times a power of ten, in 113 bits: no locale
 * has a say, and the interpreter in 113 bits gets the decimal itself, not its double. */
#include <stdio.h>
#include <string.h>

#include "activation/formula/impl.h"
#include "activation/formula/quad.h"

enum { WINDOW = 64 }; /* characters of the text in a hint */

int formula_error_at(ax_err *err, const char *text, int column, const char *hint)
{
    if (!err)
        return -1;
    char line[WINDOW + 8], own[128];
    int len = (int)strlen(text),
        from = column > WINDOW / 2 && len > WINDOW ? column - WINDOW / 2 : 0;
    int n = snprintf(line, sizeof line, "%s%.*s%s", from ? "..." : "", WINDOW, text + from,
                     len - from > WINDOW ? "..." : "");
    for (int i = 0; i < n; i++)
        if ((unsigned char)line[i] < ' ')
            line[i] = ' ';
    snprintf(own, sizeof own, "%s%s", hint ? hint : "", hint && *hint ? "\n" : "");
    ax_fail(err, err->code, "column %d: %s", column + 1, err->msg);
    return ax_err_hint(err, "%s%s\n%*s", own, line, column - from + (from ? 3 : 0) + 1, "^");
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* 10^n, exact up to 10^48 */
static quad ten_to(int n)
{
    quad p = 1, t = 10;
    for (; n; n >>= 1, t *= t)
        if (n & 1)
            p *= t;
    return p;
}

typedef struct decimal {
    quad digits;
    int point, exponent; /* digits behind the point; what follows e */
} decimal;

static const char *read_decimal(const char *s, decimal *d)
{
    int behind = 0;
    for (; is_digit(*s) || (*s == '.' && !behind); s++) {
        if (*s == '.') {
            behind = 1;
            continue;
        }
        d->digits = d->digits * 10 + (*s - '0');
        d->point += behind;
    }
    const char *e = s + 1 + (s[0] && (s[1] == '+' || s[1] == '-'));
    if ((*s != 'e' && *s != 'E') || !is_digit(*e))
        return s;
    int minus = s[1] == '-';
    for (s = e; is_digit(*s); s++)
        if (d->exponent < 10000)
            d->exponent = d->exponent * 10 + (*s - '0');
    if (minus)
        d->exponent = -d->exponent;
    return s;
}

static int read_number(const char *text, token *t, ax_err *err)
{
    const char *end = t->at;
    while (is_digit(*end) || *end == '.') /* the digits of longer ones would not fit */
        end++;
    decimal d = {0};
    if (end - t->at <= LITERAL_BYTES)
        end = read_decimal(t->at, &d);
    t->len = (int)(end - t->at);
    int column = (int)(t->at - text);
    if (t->len > LITERAL_BYTES) {
        ax_fail(err, AX_ELIMIT, "a number of %d characters, at most %d are allowed", t->len,
                LITERAL_BYTES);
        return formula_error_at(err, text, column, "17 digits say all that a double can hold");
    }
    int e = d.exponent - d.point;
    e = e < -1000 ? -1000 : e > 1000 ? 1000 : e;
    quad q = e < 0 ? d.digits / ten_to(-e) : d.digits * ten_to(e);
    t->v = (double)q;
    t->lo = (double)(q - t->v);
    if (t->v > DBL_MAX || (t->v < DBL_MIN && d.digits != 0)) {
        ax_fail(err, AX_ERANGE, "%.*s is too %s for a double", t->len, t->at,
                t->v > 1 ? "large" : "small");
        return formula_error_at(err, text, column, "numbers lie between 1e-307 and 1e308");
    }
    return 0;
}

/* What people write who have more than ASCII at hand. */
static const struct {
    const char *wrong, *hint;
} spelled[] = {
    {"×", "write *"},
    {"·", "write *"},
    {"÷", "write /"},
    {"−", "write -"},
    {"–", "write -"},
    {"²", "write ^2"},
    {"³", "write ^3"},
    {"≤", "write <="},
    {"≥", "write >="},
    {"≠", "write !="},
    {"√", "write sqrt(x)"},
    {"π", "write pi"},
    {"σ", "write sigmoid"},
    {"Φ", "write Phi"},
    {"φ", "write phi"},
    {"α", "write alpha"},
    {"β", "write beta"},
    {"γ", "write gamma"},
    {"λ", "write lambda"},
    {"µ", "write mu"},
    {"|", "write abs(x), or || for \"or\""},
    {"&", "write && for \"and\""},
    {"[", "write ( )"},
    {"{", "write ( )"},
};

static int strange(const char *text, const char *at, ax_err *err)
{
    const char *hint = NULL;
    int len = 1;
    if ((unsigned char)*at >= 0xc0)
        while ((at[len] & 0xc0) == 0x80 && len < 4)
            len++;
    for (size_t i = 0; i < sizeof spelled / sizeof *spelled; i++)
        if (strncmp(at, spelled[i].wrong, strlen(spelled[i].wrong)) == 0)
            hint = spelled[i].hint;
    ax_fail(err, AX_EPARSE, "'%.*s' has no meaning in a formula", len, at);
    return formula_error_at(err, text, (int)(at - text), hint);
}

int formula_lex(const char *text, const char **at, token *t, ax_err *err)
{
    static const char twice[] = "<=>===!=&&||**", once[] = "+-*/^()<>!?:,;=";
    const char *s = *at;
    while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')
        s++;
    *t = (token){.at = s};
    if (*s == 0) {
        *at = s;
        return 0;
    }
    if (is_digit(*s) || (*s == '.' && is_digit(s[1]))) {
        t->kind = T_NUMBER;
        if (read_number(text, t, err) < 0)
            return -1;
    } else if (is_letter(*s)) {
        t->kind = T_NAME;
        while (is_letter(s[t->len]) || is_digit(s[t->len]))
            t->len++;
    } else {
        t->kind = T_SIGN;
        for (int i = 0; twice[i] && !t->len; i += 2)
            if (s[0] == twice[i] && s[1] == twice[i + 1])
                t->len = 2, t->sign = s[0] * 256 + s[1];
        if (!t->len && strchr(once, *s))
            t->len = 1, t->sign = *s;
        if (!t->len)
            return strange(text, s, err);
    }
    *at = s + t->len;
    return 0;
}
