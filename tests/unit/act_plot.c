/* act_plot.c - pictures of activations: marks where they are known to be, SVG that any reader takes,
 * text of the size asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "activation/marks.h"
#include "axon.h"
#include "xml.h"

/* In the arena, a formula or a name. */
static ax_act make(ax_arena *mem, const char *json)
{
    ax_act a;
    ax_err err;
    cJSON *j = cJSON_Parse(json);
    if (ax_act_from_json(j, mem, &a, &err) < 0)
        fail_msg("%s: %s", json, err.msg);
    cJSON_Delete(j);
    return a;
}

static const struct {
    const char *json;
    int n;
    struct {
        ax_mark_kind kind;
        double x, y;
    } mark[4];
} known[] = {
    {"\"identity\"", 0, {{0}}},
    {"\"tanh\"", 0, {{0}}},
    {"\"relu\"", 1, {{AX_MARK_KINK, 0, 0}}},
    {"\"relu6\"", 1, {{AX_MARK_KINK, 0, 0}}},
    {"{\"name\":\"relu6\",\"ceiling\":3}", 2, {{AX_MARK_KINK, 0, 0}, {AX_MARK_KINK, 3, 3}}},
    {"\"step\"", 1, {{AX_MARK_JUMP, 0, 0}}},
    {"\"hard_sigmoid\"", 2, {{AX_MARK_KINK, -3, 0}, {AX_MARK_KINK, 3, 1}}},
    {"\"hard_tanh\"", 2, {{AX_MARK_KINK, -1, -1}, {AX_MARK_KINK, 1, 1}}},
    {"\"hard_shrink\"", 2, {{AX_MARK_JUMP, -0.5, 0}, {AX_MARK_JUMP, 0.5, 0}}},
    {"\"silu\"", 1, {{AX_MARK_FLAT, -1.2784645427610738, -0.2784645427610738}}},
    {"\"gelu\"", 1, {{AX_MARK_FLAT, -0.75179152469356446, -0.16997120747990366}}},
    {"\"mish\"", 1, {{AX_MARK_FLAT, -1.1924312145154955, -0.30884341301725041}}},
    {"\"elu\"", 0, {{0}}},
    {"{\"name\":\"elu\",\"alpha\":0.5}", 1, {{AX_MARK_KINK, 0, 0}}},
    {"{\"formula\":\"abs(x - 1)\"}", 1, {{AX_MARK_KINK, 1, 0}}},
    {"{\"formula\":\"x < 2 ? x : x + 1\"}", 1, {{AX_MARK_JUMP, 2, 3}}},
    {"{\"formula\":\"(x - 1)^2\"}", 1, {{AX_MARK_FLAT, 1, 0}}},
    {"{\"formula\":\"tan(x)\"}", 4,
     {{AX_MARK_POLE, -4.71238898, NAN},
      {AX_MARK_POLE, -1.57079633, NAN},
      {AX_MARK_POLE, 1.57079633, NAN},
      {AX_MARK_POLE, 4.71238898, NAN}}},
    {"{\"formula\":\"1/(x - 0.3)\"}", 1, {{AX_MARK_POLE, 0.3, NAN}}},
    {"{\"formula\":\"1/(x - 0.3)^2\"}", 1, {{AX_MARK_POLE, 0.3, NAN}}},
    {"{\"formula\":\"1/(x - 3)^2\"}", 1, {{AX_MARK_POLE, 3, INFINITY}}},
    {"{\"formula\":\"log(abs(x - 1.3))\"}", 1, {{AX_MARK_POLE, 1.3, NAN}}},
    {"{\"formula\":\"1/x^2\"}", 1, {{AX_MARK_POLE, 0, INFINITY}}},
    {"{\"formula\":\"log(x)\"}", 1, {{AX_MARK_POLE, 0, -INFINITY}}},
    {"{\"formula\":\"abs(x)^0.5\"}", 1, {{AX_MARK_VERTICAL, 0, 0}}},
    {"{\"formula\":\"abs(x - 1)^0.3\"}", 1, {{AX_MARK_VERTICAL, 1, 0}}},
    {"{\"formula\":\"cbrt(x)\"}", 1, {{AX_MARK_VERTICAL, 0, 0}}},
    {"{\"formula\":\"tanh(10000*x)\"}", 0, {{0}}}, /* steep, not torn */
    {"{\"formula\":\"exp(40*x)\"}", 0, {{0}}},     /* infinite from 2.2 on: no pole */
};

static int same(double got, double expected)
{
    return got == expected || fabs(got - expected) <= 2e-7 || (isnan(got) && isnan(expected));
}

static void marks_are_where_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        ax_arena mem;
        ax_arena_init(&mem, 0);
        ax_act a = make(&mem, known[i].json);
        ax_mark m[AX_MARKS];
        int n = ax_act_marks(&a, -5, 5, m);
        if (n != known[i].n)
            fail_msg("%s: %d marks, the first at %g", known[i].json, n, n ? m[0].x : NAN);
        for (int k = 0; k < n; k++)
            if (m[k].kind != known[i].mark[k].kind ||
                fabs(m[k].x - known[i].mark[k].x) > 2e-7 + 1e-7 * fabs(m[k].x) ||
                !same(m[k].y, known[i].mark[k].y))
                fail_msg("%s: mark %d is kind %d at %.9g, %.9g", known[i].json, k, (int)m[k].kind, m[k].x,
                         m[k].y);
        ax_arena_fini(&mem);
    }
}

static void check_svg(const ax_plot *p, const char *name)
{
    size_t len;
    ax_err err;
    if (ax_plot_check(p, &err) < 0)
        fail_msg("%s: %s", name, err.msg);
    char *svg = ax_plot_svg(p, &len);
    assert_non_null(svg);
    assert_int_equal(strlen(svg), len);
    const char *fault = xml_fault(svg);
    if (fault)
        fail_msg("%s is not well-formed at: %.60s", name, fault);
    const char *none = xml_no_number(svg);
    if (none)
        fail_msg("%s has a coordinate that is no number: %.20s", name, none);
    assert_non_null(strstr(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\""));
    free(svg);
}

static void every_curve_is_xml(void **state)
{
    (void)state;
    static const double stretch[][2] = {{-5, 5}, {-1e6, 1e6}, {100, 200}, {-1e-3, 1e-3}};
    int n;
    const ax_act_row *row = ax_act_catalog(&n);
    for (int i = 0; i < n; i++) {
        ax_plot_curve c = {.label = row[i].name};
        if (row[i].kind == AX_ACT_VECTOR)
            continue;
        assert_int_equal(ax_act_by_name(row[i].name, &c.act, NULL), 0);
        for (size_t k = 0; k < sizeof stretch / sizeof *stretch; k++)
            check_svg(&(ax_plot){&c, 1, stretch[k][0], stretch[k][1], 2}, row[i].name);
    }
}

/* relu has one mark on this stretch, gelu another, and each its curve's colour. */
static void every_curve_is_marked(void **state)
{
    (void)state;
    ax_arena mem;
    ax_arena_init(&mem, 0);
    ax_plot_curve c[2] = {{make(&mem, "\"relu\""), "relu"}, {make(&mem, "\"gelu\""), "gelu"}};
    size_t len;
    char *svg = ax_plot_svg(&(ax_plot){c, 2, -5, 5, 0}, &len);
    assert_non_null(svg);
    assert_non_null(strstr(svg, "<circle class=\"mark s0\""));
    assert_non_null(strstr(svg, "<title>kink at x = 0, y = 0</title>"));
    assert_non_null(strstr(svg, "<circle class=\"mark s1\""));
    assert_non_null(strstr(svg, "<title>f' = 0 at x = -0.75179"));
    free(svg);
    ax_arena_fini(&mem);
}

/* Labels come from outside; a formula may be NaN somewhere, everywhere, or leave the picture. */
static void strange_curves_are_xml(void **state)
{
    (void)state;
    static const char *const formulas[] = {"log(x)", "sqrt(-1 - x^2)", "1/x", "exp(exp(x))", "x < 0 && x > -1 ? 1 : 0",
                                           "1e30*x", "1e-30*x"};
    ax_arena mem;
    ax_arena_init(&mem, 0);
    ax_plot_curve c[AX_PLOT_CURVES];
    for (int i = 0; i < AX_PLOT_CURVES; i++) {
        char json[100];
        snprintf(json, sizeof json, "{\"formula\":\"%s\"}", formulas[i % 7]);
        c[i] = (ax_plot_curve){make(&mem, json), i == 7 ? "a long label & <odd> \"one\"\n\x01" : formulas[i % 7]};
        check_svg(&(ax_plot){&c[i], 1, -3, 3, 2}, json);
    }
    for (int derivatives = 0; derivatives < 3; derivatives++)
        check_svg(&(ax_plot){c, AX_PLOT_CURVES, -3, 3, derivatives}, "all at once");
    ax_arena_fini(&mem);
}

/* A legend uses the width there is: what fits is not cut, what is cut is told whole. */
static void legends_use_their_width(void **state)
{
    (void)state;
    static const struct {
        const char *label;
        int n, derivatives;
        const char *shown, *told; /* NULL: nothing is cut */
    } legend[] = {
        {"gelu", 12, 2, ">gelu''</text>", NULL},
        {"0.5*x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))", 1, 0,
         ">0.5*x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))</text>", NULL},
        {"0.5*x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))", 1, 2,
         ">0.5*x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))''</text>", NULL},
        {"x < 0 ? 0.01*x*sigmoid(x) : x + 0.25*x*tanh(x)", 3, 0,
         ">x &lt; 0 ? 0.01*x*sigmoid(x) : x + 0.25*x*tanh(x)</text>", NULL},
        {"x < 0 ? 0.01*x*sigmoid(x) : x + 0.25*x*tanh(x)", 12, 2, "\xe2\x80\xa6''</text>",
         "<title>x &lt; 0 ? 0.01*x*sigmoid(x) : x + 0.25*x*tanh(x)''</title>"},
        {"x*sigmoid(x)+x*sigmoid(x)+x*sigmoid(x)+x*sigmoid(x)+x*sigmoid(x)+x*sigmoid(x)+x*tanh(x)*x", 1,
         0, "x*sigmoid(x)+x*sigmoid(x)+x*sigmoid(x)+x*sigmoid(x)+x",
         "<title>x*sigmoid(x)+x*sigmoid(x)+x*sigmoid(x)+x*sigmoid(x)+x*sigmoid(x)+x*sigmoid(x)+x*tanh(x)*x"
         "</title>"},
        {"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
         "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
         12, 2, "\xc3\xa9\xe2\x80\xa6</text>", "</title>"},
    };
    for (size_t i = 0; i < sizeof legend / sizeof *legend; i++) {
        ax_plot_curve c[AX_PLOT_CURVES];
        size_t len;
        for (int k = 0; k < AX_PLOT_CURVES; k++) {
            c[k].label = legend[i].label;
            assert_int_equal(ax_act_by_name("gelu", &c[k].act, NULL), 0);
        }
        char *svg = ax_plot_svg(&(ax_plot){c, legend[i].n, -3, 3, legend[i].derivatives}, &len);
        assert_non_null(svg);
        assert_null(xml_fault(svg));
        int cut = strstr(svg, "\xe2\x80\xa6") != NULL;
        if (!strstr(svg, legend[i].shown) || cut != (legend[i].told != NULL) ||
            (cut && !strstr(strstr(svg, "<text x="), legend[i].told)))
            fail_msg("legend %zu: %.600s", i, strstr(svg, "<path class=\"f s0\""));
        free(svg);
    }
}

/* sRGB to CIELAB, D65 */
static void lab_of(const unsigned rgb[3], double lab[3])
{
    static const double to_xyz[3][3] = {{0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047},
                                        {0.2126729, 0.7151522, 0.0721750},
                                        {0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883}};
    double linear[3], f[3];
    for (int i = 0; i < 3; i++) {
        double c = rgb[i] / 255.0;
        linear[i] = c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
    }
    for (int i = 0; i < 3; i++) {
        double t = to_xyz[i][0] * linear[0] + to_xyz[i][1] * linear[1] + to_xyz[i][2] * linear[2];
        f[i] = t > 216.0 / 24389 ? cbrt(t) : (24389.0 / 27 * t + 16) / 116;
    }
    lab[0] = 116 * f[1] - 16;
    lab[1] = 500 * (f[0] - f[1]);
    lab[2] = 200 * (f[1] - f[2]);
}

/* The colour behind the first `rule` in *p, which moves there. */
static void colour_of(const char **p, const char *rule, double lab[3])
{
    unsigned rgb[3];
    *p = strstr(*p, rule);
    assert_non_null(*p);
    *p += strlen(rule);
    assert_int_equal(sscanf(*p, "#%2x%2x%2x", &rgb[0], &rgb[1], &rgb[2]), 3);
    lab_of(rgb, lab);
}

/* Light and dark: no two curves look alike (20 in CIELAB; 10 is told apart side by side), nor one (15)
 * like the axes, and all stand out from the paper (35 in lightness is a contrast of about 3). */
static void colours_are_told_apart(void **state)
{
    (void)state;
    static const char *const mode[2] = {"<style>", "prefers-color-scheme:dark"};
    ax_plot_curve c = {.label = "relu"};
    size_t len;
    assert_int_equal(ax_act_by_name("relu", &c.act, NULL), 0);
    char *svg = ax_plot_svg(&(ax_plot){&c, 1, -3, 3, 0}, &len);
    assert_non_null(svg);
    for (int m = 0; m < 2; m++) {
        double lab[AX_PLOT_CURVES + 1][3], paper[3];
        const char *p = strstr(svg, mode[m]);
        assert_non_null(p);
        colour_of(&p, ".paper,.mark{fill:", paper);
        colour_of(&p, ".axis{stroke:", lab[0]);
        for (int i = 1; i <= AX_PLOT_CURVES; i++) {
            char rule[32];
            snprintf(rule, sizeof rule, ".s%d{stroke:", i - 1);
            colour_of(&p, rule, lab[i]);
            assert_true(fabs(lab[i][0] - paper[0]) > 35);
            for (int k = 0; k < i; k++) {
                double apart = hypot(hypot(lab[i][0] - lab[k][0], lab[i][1] - lab[k][1]), lab[i][2] - lab[k][2]);
                if (apart < (k ? 20 : 15))
                    fail_msg("%s: curve %d is %.1f from %s%d", mode[m], i - 1, apart, k ? "" : "the axis, ", k - 1);
            }
        }
    }
    free(svg);
}

static void the_checker_sees_faults(void **state)
{
    (void)state;
    static const char *const good[] = {"<a/>", "<a b=\"1\" c=\"x &lt; y\"><d>t</d>\n<e/></a>\n"};
    static const char *const bad[] = {"",          "<a>",         "<a></b>",      "<a/><b/>",        "x<a/>",
                                      "<a b=1/>",  "<a b=\"1/>",  "<a>&odd;</a>", "<a b=\"<\"/>",    "</a>",
                                      "<a><b></a></b>", "<a b=\"1\" b=\"2\"/>", "<a>\x01</a>", "<ab></a>", "<a></ab>"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_null(xml_fault(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (!xml_fault(bad[i]))
            fail_msg("passed: %s", bad[i]);
    assert_non_null(xml_no_number("<a x=\"1 nan\"/>"));
    assert_null(xml_no_number("<a x=\"1\">nan</a>"));
}

/* Characters of UTF-8 in a line. */
static int width(const char *line, const char *end)
{
    int n = 0;
    for (; line < end; line++)
        n += ((unsigned char)*line & 0xc0) != 0x80;
    return n;
}

static void text_has_its_size(void **state)
{
    (void)state;
    static const int size[][2] = {{20, 8}, {80, 20}, {133, 40}, {400, 9}};
    ax_plot_curve c = {.label = "mish"};
    assert_int_equal(ax_act_by_name("mish", &c.act, NULL), 0);
    for (size_t i = 0; i < sizeof size / sizeof *size; i++)
        for (int utf8 = 0; utf8 < 2; utf8++) {
            char *text = ax_plot_text(&(ax_plot){&c, 1, -4, 4, 1}, size[i][0], size[i][1], utf8);
            assert_non_null(text);
            int lines = 0;
            for (const char *p = text, *end; *p; p = end + 1, lines++) {
                assert_non_null(end = strchr(p, '\n'));
                if (lines < size[i][1])
                    assert_int_equal(width(p, end), size[i][0]);
                for (const char *q = p; q < end; q++)
                    assert_true(utf8 || (*q >= ' ' && *q < 127));
            }
            assert_int_equal(lines, size[i][1] + 1 + 2); /* numbers below, and a legend of two */
            free(text);
        }
}

static const struct {
    double from, to;
    int n, derivatives;
    const char *name, *msg;
} bad[] = {
    {-1, 1, 1, 0, "softmax", "has no curve"},
    {1, 1, 1, 0, "relu", "stretch that grows"},
    {1, -1, 1, 0, "relu", "stretch that grows"},
    {100, 100.00001, 1, 0, "relu", "from 100 to 100.00001 is too narrow, expected 0.1 or more"},
    {1, 1.0000000000001, 1, 0, "relu", "from 1 to 1.0000000000001 is too narrow"},
    {-1, 2e6, 1, 0, "relu", "-1e6 to 1e6"},
    {NAN, 1, 1, 0, "relu", "-1e6 to 1e6"},
    {-INFINITY, 1, 1, 0, "relu", "-1e6 to 1e6"},
    {-1, 1, 0, 0, "relu", "0 curves"},
    {-1, 1, AX_PLOT_CURVES + 1, 0, "relu", "curves"},
    {-1, 1, 1, 3, "relu", "0, 1 or 2"},
    {-1, 1, 1, -1, "relu", "0, 1 or 2"},
};

static void bad_plots_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ax_plot_curve c[AX_PLOT_CURVES + 1];
        ax_err err = {0};
        for (int k = 0; k <= AX_PLOT_CURVES; k++) {
            c[k].label = bad[i].name;
            assert_int_equal(ax_act_by_name(bad[i].name, &c[k].act, NULL), 0);
        }
        ax_plot p = {c, bad[i].n, bad[i].from, bad[i].to, bad[i].derivatives};
        assert_int_equal(ax_plot_check(&p, &err), -1);
        if (!strstr(err.msg, bad[i].msg))
            fail_msg("case %zu: %s", i, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marks_are_where_they_are),
        cmocka_unit_test(every_curve_is_marked),
        cmocka_unit_test(every_curve_is_xml),
        cmocka_unit_test(strange_curves_are_xml),
        cmocka_unit_test(legends_use_their_width),
        cmocka_unit_test(colours_are_told_apart),
        cmocka_unit_test(the_checker_sees_faults),
        cmocka_unit_test(text_has_its_size),
        cmocka_unit_test(bad_plots_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
