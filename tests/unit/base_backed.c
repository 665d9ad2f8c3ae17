/* Bytes of a file that are given back and read again: whole pages that hold nothing meanwhile and
 * cannot be read, holders that keep them, a file that was changed. */
#include "io_check.h"

#include <errno.h>

#include "base/backed.h"

enum { SIZE = 1 << 20, PART = 300 * 1000, AT = 1001, SHIFT = 3 };

static void write_at(const char *path, long at, const void *p, size_t n)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}

/* Can the system read there? This process would be killed. */
static int is_there(const void *p)
{
    int ends[2];
    char c;
    assert_int_equal(pipe(ends), 0);
    int there = write(ends[1], p, 1) == 1;
    assert_true(there ? read(ends[0], &c, 1) == 1 : errno == EFAULT);
    close(ends[0]);
    close(ends[1]);
    return there;
}

/* A file of numbers without an order, with two stretches: the first moved by SHIFT bytes, as
 * numbers are that have to be aligned, the second behind it. */
static ax_backed *open_file(char *path, size_t room, const uint8_t **first, const uint8_t **second)
{
    uint8_t *data = malloc(SIZE);
    ax_err err;
    for (int i = 0; i < SIZE; i++)
        data[i] = (uint8_t)((unsigned)i * 2654435761u >> 13);
    temp_path(path, room, ".bin");
    assert_int_equal(ax_file_write(path, data, SIZE, &err), 0);
    free(data);
    ax_backed *b = ax_backed_open(path, &err);
    assert_non_null(b);
    const ax_map *m = ax_backed_bytes(b);
    assert_int_equal(m->size, SIZE);
    assert_int_equal(ax_map_writable(m, 1, &err), 0);
    memmove((uint8_t *)(uintptr_t)m->data + AT - SHIFT, m->data + AT, PART);
    assert_int_equal(ax_map_writable(m, 0, &err), 0);
    *first = m->data + AT - SHIFT;
    *second = m->data + 2 * PART;
    assert_int_equal(ax_backed_add(b, *first, PART, AT, &err), 0);
    assert_int_equal(ax_backed_add(b, *first + 8, PART, AT, &err), 0); /* overlaps: left alone */
    assert_int_equal(ax_backed_add(b, *second, PART, 2 * PART, &err), 0);
    assert_int_equal(ax_backed_add(b, *second + PART, 1000, 3 * PART, &err), 0); /* small */
    return b;
}

static void comes_and_goes(void **state)
{
    (void)state;
    char path[256];
    const uint8_t *first, *second;
    uint64_t where;
    ax_err err;
    ax_backed *b = open_file(path, sizeof path, &first, &second);
    uint8_t *was = malloc(SIZE);
    memcpy(was, ax_backed_bytes(b)->data, SIZE);
    assert_int_equal(ax_backed_where(b, first, &where), 1);
    assert_int_equal(where, AT);
    assert_int_equal(ax_backed_where(b, first + 5, &where), 1);
    assert_int_equal(where, AT + 5);
    assert_int_equal(ax_backed_where(b, second - 1, &where), 0);
    assert_int_equal(ax_backed_where(b, second + PART, &where), 0);
    assert_int_equal(ax_backed_hold(b, second + PART, &err), 0);
    assert_int_equal(ax_backed_hold(NULL, first, &err), 0);
    for (int round = 0; round < 3; round++) {
        assert_int_equal(ax_backed_hold(b, first, &err), 1);
        assert_int_equal(ax_backed_hold(b, first + 100, &err), 1);
        assert_memory_equal(ax_backed_bytes(b)->data, was, SIZE);
        ax_backed_drop(b, first, 1);
        assert_int_equal(ax_backed_away(b), 0); /* somebody still holds it */
        assert_true(is_there(first + PART / 2));
        ax_backed_drop(b, first + 100, 0);
        assert_true(ax_backed_away(b) > PART - 2 * 65536);
        assert_false(is_there(first + PART / 2));
        assert_true(is_there(first - 1) && is_there(first + PART) && is_there(second));
    }
    assert_int_equal(ax_backed_hold(b, second, &err), 1);
    ax_backed_drop(b, second, 0); /* nobody has called it spare */
    assert_true(is_there(second + PART / 2));
    assert_int_equal(ax_backed_hold(b, first, &err), 1);
    assert_memory_equal(ax_backed_bytes(b)->data, was, SIZE);
    ax_backed_close(b);
    unlink(path);
    free(was);
}

static void a_changed_file(void **state)
{
    (void)state;
    char path[256];
    const uint8_t *first, *second;
    ax_err err;
    ax_backed *b = open_file(path, sizeof path, &first, &second);
    uint8_t good = first[PART / 2], bad = (uint8_t)(good ^ 1);
    assert_int_equal(ax_backed_hold(b, first, &err), 1);
    ax_backed_drop(b, first, 1);
    write_at(path, AT + PART / 2, &bad, 1);
    assert_int_equal(ax_backed_hold(b, first, &err), -1);
    check_error("changed", &err, AX_EIO, "was changed while it was in use");
    assert_false(is_there(first + PART / 2));
    write_at(path, AT + PART / 2, &good, 1);
    assert_int_equal(ax_backed_hold(b, first, &err), 1);
    assert_int_equal(first[PART / 2], good);
    ax_backed_drop(b, first, 0);
    unlink(path); /* replaced or removed, it is still the file that was opened */
    assert_int_equal(ax_backed_hold(b, first, &err), 1);
    assert_int_equal(first[PART / 2], good);
    ax_backed_close(b);
}

static void a_file_cut_short(void **state)
{
    (void)state;
    char path[256];
    const uint8_t *first, *second;
    ax_err err;
    ax_backed *b = open_file(path, sizeof path, &first, &second);
    assert_int_equal(ax_backed_hold(b, second, &err), 1);
    ax_backed_drop(b, second, 1);
    assert_int_equal(truncate(path, 2 * PART + 5), 0);
    assert_int_equal(ax_backed_hold(b, second, &err), -1);
    check_error("cut", &err, AX_EIO, "was changed while it was in use");
    ax_backed_close(b);
    unlink(path);
    assert_null(ax_backed_open(path, &err));
    assert_int_equal(err.code, AX_ENOTFOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_and_goes),
        cmocka_unit_test(a_changed_file),
        cmocka_unit_test(a_file_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
