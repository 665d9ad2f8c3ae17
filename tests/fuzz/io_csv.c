/* Any bytes as a CSV table: what is accepted is consistent in itself. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "io/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const ax_csv *t, const ax_csv_column *c)
{
    int64_t missing = 0;
    assert(*c->name && !c->number == !!c->code && !c->number == !!c->first_text_line);
    for (int64_t i = 0; i < t->n_rows; i++) {
        int gone = c->number ? isnan(c->number[i]) : c->code[i] < 0;
        assert(c->number ? gone || isfinite(c->number[i]) : c->code[i] < c->n_values);
        missing += gone;
    }
    assert(missing == c->missing && !missing == !c->first_missing_line);
    for (int32_t i = 1; i < c->n_values; i++)
        assert(strcmp(c->values[i - 1], c->values[i]) < 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ax_csv t;
    ax_err err;
    ax_csv_first first = size % 3 == 0   ? AX_CSV_NAMES
                         : size % 3 == 1 ? AX_CSV_ROW
                                         : AX_CSV_EITHER;
    if (ax_csv_read(&t, (const char *)data, size, first, 16 << 20, &err) < 0)
        return 0;
    assert(t.named == (first == AX_CSV_NAMES || (first == AX_CSV_EITHER && t.odd_name < 0)));
    assert(t.n_rows > 0 && t.n_columns > 0);
    for (int i = 0; i < t.n_columns; i++) {
        check(&t, &t.column[i]);
        assert(ax_csv_find(&t, t.column[i].name, &err) == i);
    }
    ax_csv_free(&t);
    return 0;
}
