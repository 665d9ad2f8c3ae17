/* table.c - see table.h. */
#include "table.h"

#include <string.h>

#include "cli.h"

void table_init(table *t, const char *align)
{
    *t = (table){.align = align};
    ax_arena_init(&t->mem, 0);
}

void table_fini(table *t)
{
    ax_arena_fini(&t->mem);
}

static int grow(table *t)
{
    size_t room = t->room ? 2 * t->room : 64;
    const char **cell = AX_ARRAY(&t->mem, const char *, room);
    if (!cell)
        return -1;
    if (t->n)
        memcpy(cell, t->cell, t->n * sizeof *cell);
    t->cell = cell;
    t->room = room;
    return 0;
}

void table_put(table *t, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    char *text = n < 0 ? NULL : ax_arena_raw(&t->mem, (size_t)n + 1);
    if (!text || (t->n == t->room && grow(t))) {
        t->failed = 1;
    } else {
        vsnprintf(text, (size_t)n + 1, fmt, again);
        text_tame(text, "");
        t->cell[t->n++] = text;
    }
    va_end(again);
    va_end(args);
}

static int characters(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

int table_print(const table *t, FILE *out)
{
    size_t columns = strlen(t->align);
    int width[64] = {0};
    if (t->failed || columns > 64)
        return -1;
    for (size_t i = 0; i < t->n; i++) {
        int w = characters(t->cell[i]);
        if (w > width[i % columns])
            width[i % columns] = w;
    }
    for (size_t i = 0; i < t->n; i++) {
        size_t c = i % columns;
        int pad = width[c] - characters(t->cell[i]), last = c + 1 == columns || i + 1 == t->n;
        if (t->align[c] == 'r')
            fprintf(out, "%*s%s", pad, "", t->cell[i]);
        else
            fprintf(out, "%s%*s", t->cell[i], last ? 0 : pad, "");
        fputs(last ? "\n" : "  ", out);
    }
    return 0;
}
