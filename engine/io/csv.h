/* csv.h - tables from CSV text (RFC 4180): columns, each numbers or labels.
 *
 * The first line names the columns, or is a row already. UTF-8, fields separated by commas, quoted where they hold
 * commas, quotes (doubled) or line ends; LF or CRLF; a byte order mark and empty lines are skipped;
 * blanks around a field that is not inside quotes are not part of it. A column in which every field
 * that is there is a number is a number column (the decimal point is a point, whatever the locale);
 * any other is a text column. Missing: an empty field, or NA, N/A, NaN in any case.
 * Thread rule: a read table is read-only and may be shared. */
#ifndef AX_IO_CSV_H
#define AX_IO_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

#define AX_CSV_COLUMNS_MAX 65536
#define AX_CSV_FIELD_MAX   65536 /* bytes of one field */

typedef enum ax_csv_first {
    AX_CSV_NAMES, /* the first line names the columns                      */
    AX_CSV_ROW,   /* it is a row; the columns are called "1", "2"...       */
    AX_CSV_EITHER /* a first line with a number in it is a row, else names */
} ax_csv_first;

typedef struct ax_csv_column {
    const char *name;
    /* A number column: rows numbers, NaN where missing. NULL in a text column. */
    double *number;
    /* A text column: rows indices into values (-1 where missing), and the distinct values in byte
     * order, so that a label's index does not depend on the order of the rows. */
    int32_t *code;
    const char **values;
    int32_t n_values;
    int64_t missing;            /* how many fields are missing                           */
    int64_t first_missing_line; /* line of the file (from 1) of the first of them; 0: none */
    int64_t first_text_line;    /* line of the first field that is not a number; 0: none */
    int64_t first_number_line;  /* line of the first field that is one; 0: none              */
    int64_t first_wide_line;    /* line of the first number beyond float32; 0: none          */
} ax_csv_column;

typedef struct ax_csv {
    int64_t n_rows; /* without the names; at least 1 */
    int n_columns;
    int named;      /* the names are from the file                       */
    int odd_name;   /* the first column whose field in the first line is a number, or -1 */
    ax_csv_column *column;
    ax_arena arena; /* owns everything above */
} ax_csv;

/* Read text[0..n). At most `limit` bytes of memory are used for the table (0: 2 GiB).
 * The caller frees it with ax_csv_free(). -1 on failure, with the line (from 1) and the column by
 * number and name in the message: AX_EPARSE for what breaks the grammar or a row of the wrong
 * width, AX_EINVAL for an empty table or column name or a name that is there twice, AX_ELIMIT for
 * bounds. */
int ax_csv_read(ax_csv *t, const char *text, size_t n, ax_csv_first first, size_t limit,
                ax_err *err);
void ax_csv_free(ax_csv *t);
/* A table of one column whose name looks like a row with another separator: err gets a hint. Always -1. */
int ax_csv_hint_separator(const ax_csv *t, ax_err *err);

/* "column 2 ('width')", or "column 2" where the file has no names, into buf, which is returned. */
const char *ax_csv_column_str(const ax_csv *t, int i, char *buf, size_t size);

/* Index of the column called `name`; -1 with AX_ENOTFOUND and the nearest as hint. */
int ax_csv_find(const ax_csv *t, const char *name, ax_err *err);

#endif
