/* utf8.h - the one place that knows what well-formed UTF-8 is (RFC 3629). Thread-safe. */
#ifndef AX_BASE_UTF8_H
#define AX_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The code point at *p, which is before end; *p moves behind it. Overlong forms, surrogates and
 * numbers above U+10FFFF are ill-formed: -1, and *p moves by one byte. */
int32_t ax_utf8_next(const char **p, const char *end);

/* Make text[0..] safe to show in a log line or a JSON string: control characters become spaces
 * (line feeds stay if keep_lines), ill-formed bytes become '?'. The length stays, but a character
 * cut off at the end is dropped. */
void ax_utf8_clean(char *text, int keep_lines);

#endif
