/* number.h - a double as text for people and JSON: the shortest decimal that reads back as the same
 * double, so 0.1 and not 0.10000000000000001. float32 in bulk has a faster way: server/number.h. */
#ifndef AX_BASE_NUMBER_H
#define AX_BASE_NUMBER_H

enum { AX_NUMBER_MAX = 32 }; /* bytes, the final 0 with them, that any text needs */

/* The text of v: as few significant digits as tell it from every other double, the nearest to v of
 * those; 0.0001 to below 1e16 as 1234.5, the rest as 1.5e-7, 1e21; -0 is "-0". It does not depend
 * on the locale. What JSON has no numbers for is "NaN" (either sign), "Infinity" and "-Infinity";
 * in JSON the caller makes strings or null of them. Written to out, which has room for
 * AX_NUMBER_MAX bytes and is returned. Cannot fail. Thread-safe. */
const char *ax_number_str(double v, char *out);

/* The same in room of its own, which lives as long as the block the macro stands in:
 * ax_fail(err, AX_ERANGE, "rate is %s, expected...", AX_NUMBER(rate)). */
#define AX_NUMBER(v) ax_number_str((v), (char[AX_NUMBER_MAX]){0})

#endif
