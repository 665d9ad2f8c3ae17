/* cli_options.c - tests of the option parser: words in, values or an error that teaches out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

typedef struct values {
    int json, progress;
    const char *out, *models;
    option_list input;
    int64_t threads;
    double seconds;
} values;

/* The line that all cases use: one row of each kind. */
static int read_line(const char *words, values *v, char *args, int min_args, int max_args,
                     ax_err *err)
{
    static char text[1024];
    char *argv[128];
    int n = 0, n_args = 0;
    *v = (values){.models = "models", .seconds = 2};
    const option rows[] = {
        {"json", OPTION_SWITCH, &v->json, .help = "as JSON"},
        {"out", OPTION_TEXT, &v->out, "FILE", .help = "where to"},
        {"models", OPTION_TEXT, &v->models, "DIR", .env = 1, .help = "models"},
        {"input", OPTION_LIST, &v->input, "FILE", .help = "inputs"},
        {"threads", OPTION_INTEGER, &v->threads, "N", .hi = 64, .env = 1, .help = "threads"},
        {"seconds", OPTION_NUMBER, &v->seconds, "S", .hi = 10, .help = "seconds"},
        {"progress", OPTION_CHOICE, &v->progress, "auto|plain|json", .help = "how"},
    };
    const command_line c = {"demo",  "FILE... [options]",        "A demo.\n",
                            rows,    sizeof rows / sizeof *rows, min_args,
                            max_args};
    snprintf(text, sizeof text, "%s", words);
    for (char *w = strtok(text, " "); w && n < 128; w = strtok(NULL, " "))
        argv[n++] = w;
    int r = options_read(&c, n, argv, &n_args, err);
    *args = 0;
    for (int i = 0; r == 0 && i < n_args; i++)
        strcat(strcat(args, i ? " " : ""), argv[i]);
    return r;
}

static void good_lines(void **state)
{
    static const struct {
        const char *words, *args, *out, *models;
        int json, progress, inputs;
        int64_t threads;
        double seconds;
    } cases[] = {
        {"a", "a", NULL, "models", 0, 0, 0, 0, 2},
        {"--json a --out x b", "a b", "x", "models", 1, 0, 0, 0, 2},
        {"--out=x=y a", "a", "x=y", "models", 0, 0, 0, 0, 2},
        {"--out=--json a", "a", "--json", "models", 0, 0, 0, 0, 2},
        {"- --threads 64 --seconds=0.5", "-", NULL, "models", 0, 0, 0, 64, 0.5},
        {"--input a --input=b c --input d", "c", NULL, "models", 0, 0, 3, 0, 2},
        {"--models m -- --json --out", "--json --out", NULL, "m", 0, 0, 0, 0, 2},
        {"a -- --", "a --", NULL, "models", 0, 0, 0, 0, 2},
        {"a -- --help", "a --help", NULL, "models", 0, 0, 0, 0, 2},
        {"--progress plain a", "a", NULL, "models", 0, 1, 0, 0, 2},
        {"--progress=json a", "a", NULL, "models", 0, 2, 0, 0, 2},
        {"--out -1 a", "a", "-1", "models", 0, 0, 0, 0, 2},
        {"--seconds 1e1 a", "a", NULL, "models", 0, 0, 0, 0, 10},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        values v;
        char args[1024];
        ax_err err = {0};
        if (read_line(cases[i].words, &v, args, 1, -1, &err))
            fail_msg("%s: %s", cases[i].words, err.msg);
        assert_string_equal(args, cases[i].args);
        assert_string_equal(v.out ? v.out : "none", cases[i].out ? cases[i].out : "none");
        assert_string_equal(v.models, cases[i].models);
        assert_int_equal(v.json, cases[i].json);
        assert_int_equal(v.progress, cases[i].progress);
        assert_int_equal(v.input.n, cases[i].inputs);
        assert_int_equal(v.threads, cases[i].threads);
        assert_true(v.seconds == cases[i].seconds);
    }
}

static void bad_lines(void **state)
{
    static const struct {
        const char *words, *message, *hint;
    } cases[] = {
        {"--treads 2 a", "'--treads'", "--threads"},
        {"--jsn a", "'--jsn'", "--json"},
        {"--hlp a", "'--hlp'", "--help"},
        {"--otu x a", "'--otu'", "did you mean --out?"},
        {"--output x a", "'--output'", "did you mean --out?"},
        {"--zzzzzzzz a", "'--zzzzzzzz'", "there are --"},
        {"-j a", "'-j'", "--json, --"},
        {"--json=1 a", "--json takes no value", ""},
        {"a --out", "--out needs a value", ""},
        {"--out --json a", "--out needs a value", "--out=--"},
        {"--out= a", "--out: the value is empty", ""},
        {"--out x --out y a", "--out is given twice", ""},
        {"--threads two a", "'two' is not a whole number", ""},
        {"--threads 2x a", "'2x'", ""},
        {"--threads 1.5 a", "'1.5'", ""},
        {"--threads 65 a", "outside 0 to 64", ""},
        {"--threads -1 a", "outside 0 to 64", ""},
        {"--threads 99999999999999999999 a", "outside 0 to 64", ""},
        {"--seconds nan a", "outside 0 to 10", ""},
        {"--seconds 1e999 a", "outside 0 to 10", ""},
        {"--progress loud a", "auto|plain|json", ""},
        {"--progress a a", "auto|plain|json", ""},
        {"--json", "an argument is missing", "usage: axond demo FILE"},
        {"a b c d", "'d' is one argument too many", "usage"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        values v;
        char args[1024];
        ax_err err = {0};
        if (read_line(cases[i].words, &v, args, 1, 3, &err) != -1)
            fail_msg("%s: taken", cases[i].words);
        if (!strstr(err.msg, cases[i].message) || !strstr(err.hint, cases[i].hint))
            fail_msg("%s: '%s' hint '%s'", cases[i].words, err.msg, err.hint);
    }
}

static void help_is_asked_for(void **state)
{
    static const char *const lines[] = {"--help", "-h", "a --help --nonsense", "--out --help"};
    values v;
    char args[1024];
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_int_equal(read_line(lines[i], &v, args, 1, 3, NULL), 1);
}

static void too_many_in_a_list(void **state)
{
    char words[1024] = "a";
    values v;
    char args[1024];
    ax_err err;
    (void)state;
    for (int i = 0; i <= OPTION_LIST_MAX; i++)
        strcat(words, " --input=x");
    assert_int_equal(read_line(words, &v, args, 1, 3, &err), -1);
    assert_int_equal(err.code, AX_ELIMIT);
}

static void environment(void **state)
{
    values v;
    char args[1024];
    ax_err err = {0};
    (void)state;
    setenv("AXOND_MODELS", "from-env", 1);
    setenv("AXOND_OUT", "never", 1);
    assert_int_equal(read_line("a", &v, args, 1, 3, &err), 0);
    assert_string_equal(v.models, "from-env");
    assert_null(v.out);
    assert_int_equal(read_line("a --models flag", &v, args, 1, 3, &err), 0);
    assert_string_equal(v.models, "flag");
    setenv("AXOND_THREADS", "many", 1);
    assert_int_equal(read_line("a", &v, args, 1, 3, &err), -1);
    assert_non_null(strstr(err.msg, "AXOND_THREADS"));
    unsetenv("AXOND_MODELS");
    unsetenv("AXOND_THREADS");
    unsetenv("AXOND_OUT");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_lines),        cmocka_unit_test(bad_lines),
        cmocka_unit_test(help_is_asked_for), cmocka_unit_test(too_many_in_a_list),
        cmocka_unit_test(environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
