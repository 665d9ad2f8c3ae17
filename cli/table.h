/* table.h - a table of text with aligned columns.
 *
 * Cells are copied when they are put; widths count characters, not bytes. What a file brought along
 * (labels, layer names, paths) may hold control characters: they are shown as '?', so that nothing
 * from a file can command the terminal. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdio.h>

#include "axon.h"

typedef struct table {
    ax_arena mem;
    const char *align; /* one letter a column: 'l' or 'r' */
    const char **cell; /* row-major; the first row is the header */
    size_t n, room;
    int failed; /* memory ran out: printing says so       */
} table;

void table_init(table *t, const char *align);
/* The next cell, left to right, row after row. */
void table_put(table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Two blanks between columns, none at the end of a line. -1 when memory ran out on the way. */
int table_print(const table *t, FILE *out);
void table_fini(table *t);

#endif
