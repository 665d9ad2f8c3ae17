/* act_chart.c - tests of lines drawn as characters: small pictures that can be checked by eye, and odd
 * numbers. (How curves of activations look is tested in act_plot.c.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "activation/chart.h"

static const float one_to_three[] = {1, 2, 3}, down[] = {8, 4, 1}, flat[] = {2, 2, 2};

static void pictures(void **state)
{
    const ax_chart_line lines[] = {{"loss", one_to_three, down, 3, 0}, {"val_loss", one_to_three, flat, 3, 1}};
    static const char *const ascii = "        8 aa        \n"
                                     "           aa       \n"
                                     "            aaa     \n"
                                     "              aa    \n"
                                     "        4      aa   \n"
                                     "                aa  \n"
                                     "          bb  bb aaa\n"
                                     "                   a\n"
                                     "        0 ----------\n"
                                     "               2\n"
                                     "          a  loss\n"
                                     "          b  val_loss\n";
    ax_chart c = {lines, 2, 1, 3, {0, 8, 4, 0}, 0};
    char *text = ax_chart_text(&c, 20, 9, 0);
    (void)state;
    assert_non_null(text);
    if (strcmp(text, ascii))
        fail_msg("\n%s", text);
    free(text);
    assert_int_equal(ax_chart_points(20, 0), 10);
    assert_int_equal(ax_chart_points(20, 1), 20);
    assert_int_equal(ax_chart_points(1000000, 1), 780);
}

static int dots(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == 'a';
    return n;
}

/* A line has a dot in each column, and a gap where a number is missing, or a jump is no line. */
static void gaps(void **state)
{
    static const float x[] = {0, 1, 2, 3, 4}, hole[] = {1, 1, NAN, 1, 1}, step[] = {0, 0, 0, 9, 9}, far[] = {0, 1e30f, 0, -1e30f, 0},
                       none[] = {NAN, NAN, INFINITY, NAN, NAN};
    const struct {
        const float *y;
        int jumps, least, most;
    } cases[] = {{hole, 0, 40, 44}, {step, 0, 95, 99}, {step, 1, 60, 62}, {far, 0, 80, 600}, {none, 0, 0, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_chart_line line = {"-", x, cases[i].y, 5, 0};
        ax_chart c = {&line, 1, 0, 4, {0, 10, 5, 0}, cases[i].jumps};
        char *text = ax_chart_text(&c, 90, 20, 0);
        assert_non_null(text);
        int n = dots(text) - (dots(strstr(text, "a  -")) == 1);
        if (n < cases[i].least || n > cases[i].most)
            fail_msg("row %zu: %d\n%s", i, n, text);
        free(text);
    }
}

/* Many more points than columns: what lies between is kept. */
static void a_spike_shows(void **state)
{
    enum { N = 10000 };
    static float x[N], y[N];
    ax_chart_line line = {"spike", x, y, N, 0};
    ax_chart c = {&line, 1, 0, N - 1, {0, 10, 5, 0}, 0};
    (void)state;
    for (int i = 0; i < N; i++)
        x[i] = (float)i;
    y[5003] = 10;
    char *text = ax_chart_text(&c, 80, 10, 0);
    assert_non_null(memchr(text, 'a', 80)); /* in the first row */
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures),
        cmocka_unit_test(gaps),
        cmocka_unit_test(a_spike_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
