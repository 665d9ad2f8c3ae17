/* Settings: precedence, bounds, and errors that name flag, value and bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/config.h"

enum { ARGS = 8 };

static int load(config *c, ax_err *err, const char *const *args)
{
    char *argv[ARGS + 2] = {(char *)"serve"};
    int n = 1;
    memset(err, 0, sizeof *err);
    while (args && n <= ARGS && args[n - 1]) {
        argv[n] = (char *)args[n - 1];
        n++;
    }
    return config_load(c, n, argv, err);
}

static void has_defaults(void **s)
{
    (void)s;
    config c;
    ax_err err;
    assert_int_equal(load(&c, &err, NULL), 0);
    assert_string_equal(c.listen, "127.0.0.1:8080");
    assert_string_equal(c.models, "models");
    assert_null(c.api_key_file);
    assert_null(c.cors_origin);
    assert_int_equal(c.max_delay_us, 0);
    assert_int_equal(c.log_json, 0);
    assert_in_range(c.threads, 1, 256);
    assert_int_equal(c.models_given, 0);
    config_free(&c);
}

static void flag_beats_environment_beats_file(void **s)
{
    (void)s;
    config c;
    ax_err err;
    char path[] = "/tmp/axond-config-XXXXXX";
    int fd = mkstemp(path);
    const char text[] =
        "# settings\n\n  max-batch = 7  \nmax-queue=8\r\nmax-rows=9\nlog-format=json\n";
    assert_true(write(fd, text, sizeof text - 1) == sizeof text - 1);
    close(fd);
    setenv("AXOND_MAX_BATCH", "17", 1);
    setenv("AXOND_MAX_QUEUE", "18", 1);
    setenv("AXOND_CONFIG", path, 1);
    assert_int_equal(load(&c, &err, (const char *[]){"--max-batch", "27", "--models=here", NULL}),
                     0);
    assert_int_equal(c.max_batch, 27);
    assert_int_equal(c.max_queue, 18);
    assert_int_equal(c.max_rows, 9);
    assert_int_equal(c.log_json, 1);
    assert_string_equal(c.models, "here");
    assert_int_equal(c.models_given, 1);
    config_free(&c);
    unsetenv("AXOND_MAX_BATCH");
    unsetenv("AXOND_MAX_QUEUE");
    unsetenv("AXOND_CONFIG");
    unlink(path);
}

static void reads_addresses(void **s)
{
    (void)s;
    static const struct {
        const char *text, *host, *port; /* host NULL: refused */
    } cases[] = {
        {"127.0.0.1:8080", "127.0.0.1", "8080"},
        {"[::1]:80", "::1", "80"},
        {"[fe80::1%eth0]:0", "fe80::1%eth0", "0"},
        {"localhost:65535", "localhost", "65535"},
        {"80", "127.0.0.1", "80"},
        {"0.0.0.0:80", "0.0.0.0", "80"},
        {":80", NULL, NULL},
        {"", NULL, NULL},
        {":", NULL, NULL},
        {"localhost", NULL, NULL},
        {"localhost:", NULL, NULL},
        {"localhost:65536", NULL, NULL},
        {"localhost:123456", NULL, NULL},
        {"localhost:+80", NULL, NULL},
        {"localhost: 80", NULL, NULL},
        {"local host:80", NULL, NULL},
        {"::1:80", NULL, NULL},
        {"[::1:80", NULL, NULL},
        {"http://localhost:80", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        listen_at at;
        ax_err err;
        int bad = config_listen(cases[i].text, &at, &err);
        if (bad != (cases[i].host ? 0 : -1) ||
            (!bad && (strcmp(at.host, cases[i].host) || strcmp(at.port, cases[i].port))))
            fail_msg("%s: %d, '%s' '%s'", cases[i].text, bad, bad ? "" : at.host,
                     bad ? "" : at.port);
    }
}

static void refuses(void **s)
{
    (void)s;
    static const struct {
        const char *args[3], *says;
    } cases[] = {
        {{"--max-batch", "0"}, "--max-batch: 0 is outside 1 to 4096"},
        {{"--max-batch", "4097"}, "--max-batch: 4097 is outside 1 to 4096"},
        {{"--max-batch", "ten"}, "--max-batch: 'ten' is not a whole number (1 to 4096)"},
        {{"--max-batch", ""}, "--max-batch: '' is not a whole number (1 to 4096)"},
        {{"--max-batch", "1e2"}, "--max-batch: '1e2' is not a whole number (1 to 4096)"},
        {{"--max-batch", " 5"}, "--max-batch: ' 5' is not a whole number (1 to 4096)"},
        {{"--max-batch", "99999999999999999999"}, "is outside 1 to 4096"},
        {{"--max-batch=-1"}, "--max-batch: -1 is outside 1 to 4096"},
        {{"--max-batch"}, "--max-batch needs a value"},
        {{"--max-bath", "3"}, "no setting is called 'max-bath', did you mean 'max-batch'?"},
        {{"--zzzzzzzz=3"}, "no setting is called 'zzzzzzzz'; see axond serve --help"},
        {{"max-batch", "3"}, "'max-batch' is not a flag"},
        {{"--log-format", "xml"}, "--log-format: 'xml' is not one of text|json"},
        {{"--log-level", "inf"}, "--log-level: 'inf' is not one of error|warn|info|debug"},
        {{"--models", ""}, "--models: the value is empty, expected DIR"},
        {{"--config", "/nonexistent/file"}, "/nonexistent/file"},
        {{"--listen", "8080x"}, "--listen: '8080x' is not ADDR:PORT"},
        {{"--default-model", "a/b"}, "--default-model: 'a/b' cannot be the name of a model"},
        {{"--cors-origin", "ftp://a.example"},
         "--cors-origin: 'ftp://a.example' is not one origin"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        config c;
        ax_err err;
        assert_int_equal(load(&c, &err, cases[i].args), -1);
        if (!strstr(err.msg, cases[i].says))
            fail_msg("case %zu says: %s", i, err.msg);
        config_free(&c);
    }
}

static void refuses_lines(void **s)
{
    (void)s;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"max-batch\n", "line 1: expected name=value"},
        {"\n# x\nmax-batch=0\n", "line 3: max-batch: 0 is outside 1 to 4096"},
        {"nothing=1\n", "line 1: no setting is called 'nothing'"},
        {"config=other\n", "line 1: no setting is called 'config'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        config c;
        ax_err err;
        char path[] = "/tmp/axond-config-XXXXXX";
        int fd = mkstemp(path);
        assert_true(write(fd, cases[i].text, strlen(cases[i].text)) > 0);
        close(fd);
        assert_int_equal(load(&c, &err, (const char *[]){"--config", path, NULL}), -1);
        if (!strstr(err.msg, cases[i].says))
            fail_msg("case %zu says: %s", i, err.msg);
        config_free(&c);
        unlink(path);
    }
}

static void environment_is_checked(void **s)
{
    (void)s;
    config c;
    ax_err err;
    setenv("AXOND_MAX_BODY", "lots", 1);
    assert_int_equal(load(&c, &err, NULL), -1);
    assert_non_null(strstr(err.msg, "AXOND_MAX_BODY: 'lots' is not a whole number"));
    config_free(&c);
    setenv("AXOND_MAX_BODY", "", 1); /* empty is as good as unset: compose files write it so */
    assert_int_equal(load(&c, &err, NULL), 0);
    config_free(&c);
    unsetenv("AXOND_MAX_BODY");
}

static void helps(void **s)
{
    (void)s;
    config c;
    ax_err err;
    ax_arena mem;
    ax_arena_init(&mem, 0);
    assert_int_equal(load(&c, &err, (const char *[]){"--help", NULL}), 1);
    config_free(&c);
    const char *text = config_help(&mem);
    static const char *const words[] = {"--listen ADDR:PORT", "--max-batch N",
                                        "127.0.0.1:8080",     "text|json",
                                        "AXOND_MAX_BATCH",    "--drain-timeout-s"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        assert_non_null(strstr(text, words[i]));
    ax_arena_fini(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_defaults), cmocka_unit_test(flag_beats_environment_beats_file),
        cmocka_unit_test(reads_addresses), cmocka_unit_test(refuses), cmocka_unit_test(refuses_lines),
        cmocka_unit_test(helps),        cmocka_unit_test(environment_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
