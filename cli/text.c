/* text.c - errors, JSON and numbers as people read them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* Does the message name the place already? "unknown field 'imputs'" at "imputs" */
static int names_place(const ax_err *err)
{
    char quoted[sizeof err->at + 2];
    snprintf(quoted, sizeof quoted, "'%s'", err->at);
    return strstr(err->msg, quoted) != NULL;
}

void cli_error(const char *command, const ax_err *err)
{
    int place = *err->at && !names_place(err);
    const char *between = !*err->hint ? "" : strchr(err->hint, '\n') ? "\n" : "; ";
    fprintf(stderr, "axond%s%s: %s%s%s%s%s\n", command ? " " : "", command ? command : "",
            place ? err->at : "", place ? ": " : "", err->msg, between, err->hint);
}

void cli_print_json(cJSON *json, int pretty, FILE *out)
{
    char *text = ax_json_text(json, pretty);
    fprintf(out, "%s\n", text ? text : "null");
    cJSON_free(text);
    cJSON_Delete(json);
}

const char *text_count(int64_t n, char *out, size_t size)
{
    char digits[32];
    int len = snprintf(digits, sizeof digits, "%lld", (long long)(n < 0 ? -n : n));
    size_t at = 0;
    if (n < 0 && size > 1)
        out[at++] = '-';
    for (int i = 0; i < len && at + 2 < size; i++) {
        if (i && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = 0;
    return out;
}

const char *text_bytes(int64_t n, char *out, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double v = (double)n;
    int u = 0;
    for (; v >= 1023.95 && u < 4; u++)
        v /= 1024;
    snprintf(out, size, u ? "%.1f %s" : "%.0f %s", v, units[u]);
    return out;
}

const char *text_seconds(double s, char *out, size_t size)
{
    if (!(s >= 0) || s > 1e9)
        snprintf(out, size, "?");
    else if (s < 0.0009995)
        snprintf(out, size, "%.3g us", s * 1e6);
    else if (s < 0.9995)
        snprintf(out, size, "%.3g ms", s * 1e3);
    else if (s < 59.95)
        snprintf(out, size, "%.1fs", s);
    else if (s < 3599.5)
        snprintf(out, size, "%dm%02ds", (int)round(s) / 60, (int)round(s) % 60);
    else
        snprintf(out, size, "%lldh%02dm", (long long)(s + 30) / 3600,
                 (int)((long long)(s + 30) % 3600 / 60));
    return out;
}

const char *text_f32(float v, char *out, size_t size)
{
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(out, size, "%.*g", digits, (double)v);
        if (strtof(out, NULL) == v)
            break;
    }
    if (isnan(v))
        snprintf(out, size, "nan"); /* whatever its sign */
    return out;
}

const char *text_rate(double n, char *out, size_t size)
{
    static const char letters[] = " kMGT";
    int u = 0;
    if (!(n >= 0) || isinf(n))
        n = 0;
    for (; n >= 999.5 && u < 4; u++)
        n /= 1000;
    snprintf(out, size, n < 99.95 && u ? "%.1f%.*s" : "%.0f%.*s", n, u ? 1 : 0, letters + u);
    return out;
}

/* ASCII's control characters, and the C1 controls that UTF-8 writes as C2 80..9F. */
char *text_tame(char *s, const char *keep)
{
    for (unsigned char *p = (unsigned char *)s; *p; p++) {
        if ((*p < 32 || *p == 127) && !strchr(keep, *p))
            *p = '?';
        else if (*p == 0xC2 && p[1] >= 0x80 && p[1] < 0xA0)
            p[0] = p[1] = '?';
    }
    return s;
}

int text_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value && *value)
            return strcasestr(value, "UTF-8") || strcasestr(value, "UTF8");
    }
    return 0;
}
