/* url.c - see url.h. */
#include "url.h"

#include <stddef.h>

#include "axon.h"

static int hex(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* The byte that url[0..] stands for, into *byte; characters taken, 0 for a bad escape. */
static int decode(const char *url, char *byte)
{
    *byte = url[0];
    if (url[0] != '%')
        return 1;
    if (hex(url[1]) < 0 || hex(url[2]) < 0)
        return 0;
    *byte = (char)(hex(url[1]) * 16 + hex(url[2]));
    return 3;
}

/* One character of UTF-8 from here on: characters of the URL taken, 0 when it is none. */
static int take(const char *url)
{
    char bytes[4];
    int taken[4], n = 0, total = 0;
    for (const char *p = url; n < 4 && *p; p += taken[n++])
        if (!(taken[n] = decode(p, &bytes[n])))
            break;
    const char *end = bytes;
    if (ax_utf8_next(&end, bytes + n) < 0)
        return 0;
    for (int i = 0; i < end - bytes; i++)
        total += taken[i];
    return total;
}

const char *url_check(const char *url, int *at)
{
    char byte;
    int in_path = 1;
    for (const char *p = url; *p;) {
        int n = decode(p, &byte);
        *at = (int)(p - url);
        in_path &= *p != '?';
        if (!n)
            return "a % that two hex digits do not follow";
        if (!byte)
            return "a zero byte, %00";
        if ((unsigned char)*p <= ' ' || *p == 0x7f)
            return "a space or control character, which has to be escaped";
        if (in_path && n == 3 && byte == '/')
            return "an escaped slash, which no name here has";
        if (byte & 0x80 && !(n = take(p)))
            return "bytes that are not UTF-8";
        p += n;
    }
    return NULL;
}
