/* cli_progress.c - tests of how a training is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/progress.h"

static const ax_train_progress half = {
    .epoch = 3,
    .epochs = 20,
    .step = 1250,
    .steps = 10000,
    .loss = 0.31234,
    .accuracy = 0.8876,
    .val_loss = NAN,
    .val_accuracy = NAN,
    .learning_rate = 1e-3,
    .samples_per_second = 12345,
    .seconds = 20,
    .eta_seconds = 83,
};

static void bar_fits_the_width(void **state)
{
    char line[512];
    (void)state;
    for (int width = 0; width < 300; width++) {
        progress_bar(&half, width, line, sizeof line);
        if ((int)strlen(line) > width)
            fail_msg("width %d: '%s'", width, line);
    }
}

static void bar_drops_the_least_important(void **state)
{
    static const struct {
        int width;
        const char *line;
    } cases[] = {
        {120, "epoch  3/20 [====================>                   ]  50%  loss 0.3123  accuracy "
              "0.8876   1m23s left  12.3k samples/s"},
        {79, "epoch  3/20 [========>        ]  50%  loss 0.3123  accuracy 0.8876   1m23s left"},
        {60, "epoch  3/20 [=====>     ]  50%  loss 0.3123  accuracy 0.8876"},
        {40, "epoch  3/20 [==========>          ]  50%"},
        {20, "epoch  3/20   50%"},
        {13, "epoch  3/20 "},
        {3, ""},
    };
    char line[512];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(progress_bar(&half, cases[i].width, line, sizeof line), cases[i].line);
}

static void odd_numbers(void **state)
{
    char line[512];
    ax_train_progress p = {
        .epoch = 1, .epochs = 1, .loss = NAN, .accuracy = NAN, .eta_seconds = NAN};
    (void)state;
    assert_non_null(strstr(progress_bar(&p, 100, line, sizeof line), "]   0%"));
    assert_null(strstr(line, "nan"));
    p.step = 10, p.steps = 5; /* more steps than promised */
    assert_non_null(strstr(progress_bar(&p, 100, line, sizeof line), "] 100%"));
    p.steps = p.step = INT64_MAX, p.epoch = p.epochs = INT32_MAX;
    progress_bar(&p, 100, line, sizeof line);
    assert_true(strlen(line) <= 100);
}

static void lines(void **state)
{
    ax_train_progress p = half;
    char line[512];
    (void)state;
    assert_string_equal(
        progress_line(&p, 0, line, sizeof line),
        "epoch  3/20   50%  loss 0.3123  accuracy 0.8876  12.3k samples/s  1m23s left");
    p.epoch_done = 1, p.val_loss = 0.4, p.val_accuracy = 0.875;
    assert_string_equal(
        progress_line(&p, 12, line, sizeof line),
        "epoch  3/20  loss 0.3123  accuracy 0.8876  val_loss 0.4000  val_accuracy 0.8750  "
        "12.0s  12.3k samples/s");
    p.accuracy = p.val_loss = p.val_accuracy = NAN;
    assert_string_equal(progress_line(&p, 12, line, sizeof line),
                        "epoch  3/20  loss 0.3123  12.0s  12.3k samples/s");
}

/* All that a run writes when told the events; the caller frees. */
static char *told(progress_style style, const ax_train_progress *p, int n)
{
    char *text;
    size_t size;
    progress g;
    FILE *f = tmpfile();
    assert_non_null(f);
    progress_init(&g, f, style);
    for (int i = 0; i < n; i++)
        assert_int_equal(progress_tell(&g, &p[i]), 0);
    size = (size_t)ftell(f);
    rewind(f);
    text = calloc(1, size + 1);
    assert_int_equal(fread(text, 1, size, f), size);
    fclose(f);
    return text;
}

static void plain_lines_are_few(void **state)
{
    ax_train_progress p[200];
    int lines_seen = 0;
    (void)state;
    for (int i = 0; i < 200; i++) { /* 0.2 s apart: 40 s */
        p[i] = half;
        p[i].seconds = 0.2 * i;
    }
    p[199].epoch_done = 1;
    char *text = told(PROGRESS_AUTO, p, 200); /* a file is no terminal */
    for (char *at = text; *at; at++)
        lines_seen += *at == '\n';
    assert_int_equal(lines_seen, 4); /* at 10, 20 and 30 s, and the epoch */
    assert_null(strchr(text, '\r'));
    free(text);
}

static void json_lines(void **state)
{
    ax_train_progress p[2] = {half, half};
    (void)state;
    p[1].epoch_done = 1, p[1].val_accuracy = 0.5;
    char *text = told(PROGRESS_JSON, p, 2), *second = strchr(text, '\n') + 1;
    static const char *const fields[] = {
        "epoch",    "epochs",     "step",         "steps",         "loss",
        "accuracy", "val_loss",   "val_accuracy", "learning_rate", "samples_per_second",
        "seconds",  "eta_seconds"};
    second[-1] = 0;
    cJSON *a = cJSON_Parse(text), *b = cJSON_Parse(second);
    assert_string_equal(cJSON_GetObjectItem(a, "event")->valuestring, "progress");
    assert_string_equal(cJSON_GetObjectItem(b, "event")->valuestring, "epoch");
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        assert_non_null(cJSON_GetObjectItem(a, fields[i]));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(a, "val_loss")));
    assert_true(cJSON_GetObjectItem(a, "loss")->valuedouble == half.loss);
    assert_true(cJSON_GetObjectItem(b, "val_accuracy")->valuedouble == 0.5);
    cJSON_Delete(a);
    cJSON_Delete(b);
    free(text);
}

static void a_full_disk_is_noticed(void **state)
{
    progress g;
    FILE *f = fopen("/dev/full", "w");
    (void)state;
    assert_non_null(f);
    progress_init(&g, f, PROGRESS_JSON);
    assert_int_equal(progress_tell(&g, &half), -1);
    fclose(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bar_fits_the_width),
        cmocka_unit_test(bar_drops_the_least_important),
        cmocka_unit_test(odd_numbers),
        cmocka_unit_test(lines),
        cmocka_unit_test(plain_lines_are_few),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(a_full_disk_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
