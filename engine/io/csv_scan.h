/* csv_scan.h - the fields of CSV text one after the other, and what one of them means: private to
 * csv.c. Fields are spans of the text, so nothing is copied unless a quote inside was doubled. */
#ifndef AX_IO_CSV_SCAN_H
#define AX_IO_CSV_SCAN_H

#include <locale.h>
#include <stddef.h>
#include <stdint.h>

#include "io/csv.h"

enum { AX_CSV_ERROR = -1, AX_CSV_COMMA, AX_CSV_LINE };

typedef struct ax_csv_scan {
    const char *at, *end;
    int64_t line;      /* of `at`, from 1                             */
    const char *field; /* the last field read: field[0..len)          */
    size_t len;
    int64_t start; /* the line it starts in                           */
    int column;    /* from 0, kept by the caller; for messages        */
    char *scratch; /* AX_CSV_FIELD_MAX + 1 bytes                      */
    locale_t c;    /* in which a point is a point                     */
    ax_csv *t;     /* the table being filled; its names go into messages */
    ax_err *err;
} ax_csv_scan;

/* Start over text[0..n), which is checked to be UTF-8 without NUL; a byte order mark is skipped.
 * ax_csv_scan_fini() also after a failure. */
int ax_csv_scan_init(ax_csv_scan *s, ax_csv *t, const char *text, size_t n, ax_err *err);
void ax_csv_scan_fini(ax_csv_scan *s);

/* Step over empty lines; is there a row? */
int ax_csv_more_rows(ax_csv_scan *s);

/* The next field, and whether a comma or the line's end was behind it; AX_CSV_ERROR with err. */
int ax_csv_next(ax_csv_scan *s);

/* The field as a finite number: 1, or 0 when it is none. */
int ax_csv_number(ax_csv_scan *s, double *out);

/* Is the field one of the words for "not there"? */
int ax_csv_missing(const ax_csv_scan *s);

/* Fill err with code and `what`, with the line and column of the field in front. Returns -1. */
int ax_csv_fail(const ax_csv_scan *s, ax_code code, const char *what);

#endif
