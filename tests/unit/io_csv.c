/* CSV: grammar, types, missing values, bounds, damage. */
#include "io/csv.h"

#include <locale.h>
#include <math.h>

#include "io_check.h"

static int read_text(ax_csv *t, const char *text, size_t n, size_t limit, ax_err *err)
{
    char *copy = (char *)exact(text, n);
    int rc = ax_csv_read(t, copy, n, AX_CSV_NAMES, limit, err);
    free(copy);
    return rc;
}

/* The table as text: "name:1|2|-", with - for missing, numbers as %.17g, labels as they are. */
static const char *show(const ax_csv *t, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = 0;
    for (int c = 0; c < t->n_columns; c++) {
        const ax_csv_column *k = &t->column[c];
        at += (size_t)snprintf(buf + at, size - at, "%s%s%c", c ? " " : "", k->name,
                               k->number ? ':' : '=');
        for (int64_t i = 0; i < t->n_rows; i++) {
            at += (size_t)snprintf(buf + at, size - at, "%s", i ? "|" : "");
            if (k->number ? isnan(k->number[i]) : k->code[i] < 0)
                at += (size_t)snprintf(buf + at, size - at, "-");
            else if (k->number)
                at += (size_t)snprintf(buf + at, size - at, "%.17g", k->number[i]);
            else
                at += (size_t)snprintf(buf + at, size - at, "%s", k->values[k->code[i]]);
        }
    }
    return buf;
}

static void good(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"a\n1\n", "a:1"},
        {"a\n1", "a:1"},
        {"a,b\n1,2\n3,4\n", "a:1|3 b:2|4"},
        {"a,b\r\n1,2\r\n3,4\r\n", "a:1|3 b:2|4"},
        {"\xEF\xBB\xBF"
         "a,b\n1,2\n",
         "a:1 b:2"},
        {"\n\n  \na\n\n1\n \t\n\r\n2\n\n", "a:1|2"},
        {" a , b \n 1 ,\t2 \n", "a:1 b:2"},
        {"a,label\n1,cat\n2,dog\n3,cat\n", "a:1|2|3 label=cat|dog|cat"},
        {"x\n1\n2\nz\n", "x=1|2|z"},
        {"\"a\",\"b\"\n\"1\",\"x\"\n", "a:1 b=x"},
        {"\"a,b\",\"c\"\"d\"\n\"p,q\",\"r\"\"s\"\n", "a,b=p,q c\"d=r\"s"},
        {"a\n\"\"\"\"\n", "a=\""},
        {"a\n\"\"\"x\"\"\"\n", "a=\"x\""},
        {"a,b\n\"two\nlines\",1\n\"\",2\n", "a=two\nlines|- b:1|2"},
        {"a,b\n 1 , \" x \" \n", "a:1 b= x "},
        {"a,b,c\n,NA,nan\nn/a,NaN,\"\"\n1,2,3\n", "a:-|-|1 b:-|-|2 c:-|-|3"},
        {"a\nNA\nNA\n", "a:-|-"},
        {"a,b\nNA,x\ny,\n", "a=-|y b=x|-"},
        {"a,b\n1,\n", "a:1 b:-"},
        {"n\n0\n-0\n+5\n.5\n5.\n-1.5e3\n1E-2\n00012\n", "n:0|-0|5|0.5|5|-1500|0.01|12"},
        {"n\n0.1\n123456789012345678\n1e22\n1e23\n2.2250738585072011e-308\n4.9e-324\n1e-400\n",
         "n:0.10000000000000001|1.2345678901234568e+17|1e+22|9.9999999999999992e+22|"
         "2.2250738585072009e-308|4.9406564584124654e-324|0"},
        {"n\n9007199254740993\n0.000000000000000000000000000000000000001\n179769313486231570e291\n",
         "n:9007199254740992|9.9999999999999993e-40|1.7976931348623157e+308"},
        {"a\ninf\n", "a=inf"},
        {"a\n1e999\n", "a:inf"},
        {"a\n0x10\n", "a=0x10"},
        {"a\n1e\n", "a=1e"},
        {"a\n1e+\n", "a=1e+"},
        {"a\n.\n", "a=."},
        {"a\n-\n", "a=-"},
        {"a\n1.2.3\n", "a=1.2.3"},
        {"a\n1_000\n", "a=1_000"},
        {"a\n1 2\n", "a=1 2"},
        {"\xC3\xA9t\xC3\xA9\n\xE2\x82\xAC\n", "\xC3\xA9t\xC3\xA9=\xE2\x82\xAC"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_csv t;
        ax_err err = {0};
        char buf[1024];
        if (read_text(&t, cases[i].text, strlen(cases[i].text), 0, &err) < 0)
            fail_msg("%s: %s", cases[i].text, err.msg);
        assert_string_equal(show(&t, buf, sizeof buf), cases[i].want);
        ax_csv_free(&t);
    }
}

static void bad(void **state)
{
    static const struct {
        const char *text;
        ax_code code;
        const char *word;
    } cases[] = {
        {"", AX_EINVAL, "empty"},
        {"\n \r\n", AX_EINVAL, "empty"},
        {"\xEF\xBB\xBF", AX_EINVAL, "empty"},
        {"a,b\n", AX_EINVAL, "no rows"},
        {"a,b", AX_EINVAL, "no rows"},
        {"a,\n1,2\n", AX_EINVAL, "line 1, column 2: the column has no name"},
        {",a\n1,2\n", AX_EINVAL, "line 1, column 1"},
        {"a,b,a\n1,2,3\n", AX_EINVAL, "two columns are called 'a'"},
        {"a,b\n1,2\n3\n", AX_EPARSE, "line 3 has fewer fields than the 2"},
        {"a,b\n1,2,3\n", AX_EPARSE, "line 2 has more fields than the 2"},
        {"a,b\n1,2,\n", AX_EPARSE, "line 2 has more fields"},
        {"a,b\n\n\"x\ny\",1\n\n2\n", AX_EPARSE, "line 6 has fewer"},
        {"a,age\n1,\"x\n", AX_EPARSE, "line 2, column 2 ('age'): the quote"},
        {"a\n\"x\"y\n", AX_EPARSE, "line 2, column 1 ('a'): text behind"},
        {"a\nx\"y\"\n", AX_EPARSE, "a quote inside"},
        {"a\n1\r2\n", AX_EPARSE, "carriage return"},
        {"a\r1\r", AX_EPARSE, "line 1, column 1: a carriage return"},
        {"\"a\n1\n", AX_EPARSE, "line 1, column 1: the quote"},
        {"a\n1\n\xFF\n", AX_EPARSE, "line 3: the byte 0xff"},
        {"a\n\xE9t\xE9\n", AX_EPARSE, "line 2: the byte 0xe9"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_csv t;
        ax_err err = {0};
        assert_int_equal(read_text(&t, cases[i].text, strlen(cases[i].text), 0, &err), -1);
        check_error(cases[i].text, &err, cases[i].code, cases[i].word);
        assert_null(t.column);
        assert_int_equal(read_text(&t, cases[i].text, strlen(cases[i].text), 0, NULL), -1);
    }
    ax_csv t;
    ax_err err = {0};
    assert_int_equal(read_text(&t, "a\n1\0\n", 5, 0, &err), -1);
    check_error("NUL", &err, AX_EPARSE, "line 2: the byte 0x00");
    assert_int_equal(ax_csv_read(&t, NULL, 0, AX_CSV_NAMES, 0, &err), -1);
    assert_int_equal(err.code, AX_EINVAL);
}

/* The first line: names, a row, or whichever it looks like. Lines are counted from 1 all the same.
 */
static void first_line(void **state)
{
    static const struct {
        const char *text;
        ax_csv_first first;
        const char *want; /* the table, or the message */
        int odd_name;
    } cases[] = {
        {"1,2\n3,4\n", AX_CSV_NAMES, "1:3 2:4", 0},
        {"1,2\n3,4\n", AX_CSV_ROW, "1:1|3 2:2|4", 0},
        {"1,2\n3,4\n", AX_CSV_EITHER, "1:1|3 2:2|4", 0},
        {"a,b\n3,4\n", AX_CSV_EITHER, "a:3 b:4", -1},
        {"a,b\n3,4\n", AX_CSV_ROW, "1=a|3 2=b|4", -1},
        {"\n\r\n 1 ,x\n3,y\n", AX_CSV_EITHER, "1:1|3 2=x|y", 0},
        {"x,1\n", AX_CSV_EITHER, "1=x 2:1", 1},
        {"\"a,1\",\"2\"\n", AX_CSV_EITHER, "1=a,1 2:2", 1},
        {"1x,2x\n3,4\n", AX_CSV_EITHER, "1x:3 2x:4", -1},
        {"1,1\n", AX_CSV_ROW, "1:1 2:1", 0},
        {"1,2\n3\n", AX_CSV_ROW, "line 2 has fewer fields than the 2 of the first line", 0},
        {"1,2\n3,\"x\n", AX_CSV_EITHER, "line 2, column 2: the quote", 0},
        {"1,\n2,3\n", AX_CSV_EITHER, "1:1|2 2:-|3", 0},
        {"a,b\n", AX_CSV_EITHER, "no rows below the line that names", -1},
        {"\n", AX_CSV_ROW, "empty", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_csv t;
        ax_err err = {0};
        char buf[1024] = "", name[96];
        char *copy = (char *)exact(cases[i].text, strlen(cases[i].text));
        int rc = ax_csv_read(&t, copy, strlen(cases[i].text), cases[i].first, 0, &err);
        free(copy);
        if (rc < 0 ? !strstr(err.msg, cases[i].want)
                   : strcmp(show(&t, buf, sizeof buf), cases[i].want))
            fail_msg("%s: '%s' %s", cases[i].text, buf, err.msg);
        if (rc < 0)
            continue;
        assert_int_equal(t.odd_name, cases[i].odd_name);
        assert_int_equal(t.named, cases[i].first == AX_CSV_NAMES ||
                                      (cases[i].first == AX_CSV_EITHER && t.odd_name < 0));
        ax_csv_column_str(&t, 0, name, sizeof name);
        assert_int_equal(strlen(name) > strlen("column 1"), t.named);
        ax_csv_free(&t);
    }
}

static void missing_and_text_are_located(void **state)
{
    static const char text[] = "a,b\n1,x\n,\"y\n\"\n\nNA,\nz,w\n";
    ax_csv t;
    ax_err err = {0};
    (void)state;
    assert_int_equal(read_text(&t, text, sizeof text - 1, 0, &err), 0);
    assert_int_equal(t.n_rows, 4);
    assert_int_equal(t.column[0].missing, 2);
    assert_int_equal(t.column[0].first_missing_line, 3);
    assert_int_equal(t.column[0].first_text_line, 7);
    assert_int_equal(t.column[1].missing, 1);
    assert_int_equal(t.column[1].first_missing_line, 6);
    assert_int_equal(t.column[1].first_text_line, 2);
    assert_int_equal(ax_csv_find(&t, "b", &err), 1);
    assert_int_equal(ax_csv_find(&t, "c", &err), -1);
    check_error("find", &err, AX_ENOTFOUND, "'c'");
    ax_csv_free(&t);
    assert_int_equal(read_text(&t, "species,x\na,1\n", 14, 0, &err), 0);
    assert_int_equal(ax_csv_find(&t, "speces", &err), -1);
    assert_non_null(strstr(err.hint, "species"));
    ax_csv_free(&t);
}

/* Codes follow the bytes of the labels, not the order of the rows. */
static void labels_are_sorted(void **state)
{
    static const char text[] = "l\nb\na\n\xC3\xA9\nab\nB\nb\na\n";
    static const char *const want[] = {"B", "a", "ab", "b", "\xC3\xA9"};
    static const int codes[] = {3, 1, 4, 2, 0, 3, 1};
    ax_csv t;
    ax_err err = {0};
    (void)state;
    assert_int_equal(read_text(&t, text, sizeof text - 1, 0, &err), 0);
    assert_int_equal(t.column[0].n_values, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(t.column[0].values[i], want[i]);
    for (int i = 0; i < 7; i++)
        assert_int_equal(t.column[0].code[i], codes[i]);
    ax_csv_free(&t);
}

static void many_labels(void **state)
{
    enum { N = 20000 };
    char *text = malloc(N * 8 + 16), *p = text;
    ax_csv t;
    ax_err err = {0};
    (void)state;
    p += sprintf(p, "l\n");
    for (int i = 0; i < N; i++)
        p += sprintf(p, "k%05d\n", (int)((int64_t)i * 7919 % N));
    assert_int_equal(ax_csv_read(&t, text, (size_t)(p - text), AX_CSV_NAMES, 0, &err), 0);
    assert_int_equal(t.column[0].n_values, N);
    for (int i = 0; i < N; i++)
        assert_int_equal(t.column[0].code[i], (int)((int64_t)i * 7919 % N));
    ax_csv_free(&t);
    free(text);
}

/* The same numbers as strtod, whatever the locale says a point is. */
static void numbers_like_strtod(void **state)
{
    static const char *const locales[] = {"C", "de_DE.UTF-8", "fr_FR.UTF-8"};
    static const char digits[] = "0123456789";
    uint64_t seed = 88172645463325252u;
    enum { N = 4000 };
    char *text = malloc(N * 40), *p = text;
    double *want = malloc(N * sizeof *want);
    ax_csv t;
    ax_err err = {0};
    (void)state;
    p += sprintf(p, "n\n");
    for (int i = 0; i < N; i++) {
        char *start = p;
        int n = 1 + i % 21, point = i % 7 ? i % n : -1;
        for (int k = 0; k < n; k++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            *p++ = digits[seed % 10];
            if (k == point)
                *p++ = '.';
        }
        if (i % 3)
            p += sprintf(p, "e%d", (int)(seed >> 33) % 640 - 320);
        *p = 0;
        want[i] = strtod(start, NULL);
        if (isinf(want[i])) {
            p = start + sprintf(start, "1");
            want[i] = 1;
        }
        *p++ = '\n';
    }
    for (size_t l = 0; l < sizeof locales / sizeof *locales; l++) {
        if (!setlocale(LC_ALL, locales[l]))
            continue;
        assert_int_equal(ax_csv_read(&t, text, (size_t)(p - text), AX_CSV_NAMES, 0, &err), 0);
        assert_int_equal(t.n_rows, N);
        assert_non_null(t.column[0].number);
        assert_memory_equal(t.column[0].number, want, N * sizeof *want);
        ax_csv_free(&t);
    }
    setlocale(LC_ALL, "C");
    free(want);
    free(text);
}

static void bounds(void **state)
{
    size_t room = 4 * AX_CSV_COLUMNS_MAX * 8;
    char *text = malloc(room), *p;
    ax_csv t;
    ax_err err = {0};
    (void)state;
    for (int extra = 0; extra < 2; extra++) { /* columns */
        p = text;
        for (int i = 0; i < AX_CSV_COLUMNS_MAX + extra; i++)
            p += sprintf(p, "%sc%d", i ? "," : "", i);
        *p++ = '\n';
        for (int i = 0; i < AX_CSV_COLUMNS_MAX + extra; i++)
            p += sprintf(p, "%s%d", i ? "," : "", i);
        assert_int_equal(ax_csv_read(&t, text, (size_t)(p - text), AX_CSV_NAMES, 0, &err), -extra);
        if (!extra)
            ax_csv_free(&t);
        else
            assert_int_equal(err.code, AX_ELIMIT);
    }
    for (int quoted = 0; quoted < 3;
         quoted++) /* field length: plain, quoted, with doubled quotes */
        for (int extra = 0; extra < 2; extra++) {
            int n = AX_CSV_FIELD_MAX + extra - (quoted == 2);
            p = text + sprintf(text, "a\n%s", quoted == 2 ? "\"\"\"" : quoted ? "\"" : "");
            memset(p, '1', (size_t)n);
            p += n;
            if (quoted)
                *p++ = '"';
            char *copy = (char *)exact(text, (size_t)(p - text));
            assert_int_equal(ax_csv_read(&t, copy, (size_t)(p - text), AX_CSV_NAMES, 0, &err),
                             -extra);
            if (!extra)
                ax_csv_free(&t);
            else
                check_error("field", &err, AX_ELIMIT, "line 2, column 1 ('a')");
            free(copy);
        }
    p = text + sprintf(text, "a,b\n"); /* memory */
    for (int i = 0; i < 10000; i++)
        p += sprintf(p, "%d,l%d\n", i, i);
    assert_int_equal(ax_csv_read(&t, text, (size_t)(p - text), AX_CSV_NAMES, 1 << 16, &err), -1);
    check_error("memory", &err, AX_ELIMIT, "65536");
    assert_int_equal(ax_csv_read(&t, text, (size_t)(p - text), AX_CSV_NAMES, 1 << 18, &err), -1);
    check_error("memory of labels", &err, AX_ELIMIT, "262144");
    assert_int_equal(ax_csv_read(&t, text, (size_t)(p - text), AX_CSV_NAMES, 1 << 21, &err), 0);
    ax_csv_free(&t);
    free(text);
}

static void damage(void **state)
{
    static const char text[] = "\xEF\xBB\xBFid,\"na\"\"me\",x\r\n1,\"a,\nb\",2.5e1\r\n,\"\",NA\r\n"
                               "7,\xC3\xA9t\xC3\xA9,-3\r\n";
    size_t n = sizeof text - 1;
    (void)state;
    for (size_t cut = 0; cut <= n; cut++) {
        ax_csv t;
        ax_err err = {0};
        if (read_text(&t, text, cut, 0, &err) == 0)
            ax_csv_free(&t);
        else
            assert_true(err.code != AX_OK && strlen(err.msg) > 10);
    }
    for (size_t at = 0; at < n; at++)
        for (int v = 0; v < 256; v++) {
            char copy[sizeof text];
            ax_csv t;
            memcpy(copy, text, sizeof text);
            copy[at] = (char)v;
            if (read_text(&t, copy, n, 0, NULL) == 0)
                ax_csv_free(&t);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
        cmocka_unit_test(first_line),
        cmocka_unit_test(missing_and_text_are_located),
        cmocka_unit_test(labels_are_sorted),
        cmocka_unit_test(many_labels),
        cmocka_unit_test(numbers_like_strtod),
        cmocka_unit_test(bounds),
        cmocka_unit_test(damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
