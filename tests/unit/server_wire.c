/* The predict body: what is read, and a table of what is refused, with place and word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/wire.h"

enum { MAX_ROWS = 100 };

/* Models of the test, by name. "vec" is the default. */
static const ax_port vec[] = {{"x", AX_F32, {1, {3}}, NULL}};
static const ax_port pic[] = {{"image", AX_F32, {3, {1, 2, 2}}, NULL}};
static const ax_port mat[] = {{"m", AX_F32, {2, {2, 3}}, NULL}};
static const ax_port row[] = {{"r", AX_F32, {2, {1, 3}}, NULL}};
static const ax_port one[] = {{"n", AX_F32, {0, {0}}, NULL}};
static const ax_port ids[] = {{"ids", AX_I64, {1, {2}}, NULL}};
static const ax_port mix[] = {
    {"a", AX_F32, {1, {2}}, NULL}, {"b", AX_I32, {1, {1}}, NULL}, {"c", AX_BOOL, {1, {1}}, NULL}};
static const ax_port big[] = {{"d", AX_F64, {1, {1}}, NULL}};
static const ax_port whole_types[] = {{"i8", AX_I8, {1, {2}}, NULL},
                                      {"i16", AX_I16, {1, {2}}, NULL},
                                      {"u16", AX_U16, {1, {2}}, NULL},
                                      {"u32", AX_U32, {1, {2}}, NULL},
                                      {"u64", AX_U64, {1, {2}}, NULL}};
static const ax_port byte[] = {{"u", AX_U8, {1, {2}}, NULL}};
static const char *const names[] = {"batch", "", "time"};
static const ax_port open[] = {{"o", AX_F32, {3, {-1, 2, -1}}, names}};
static const ax_port any[] = {{"a", AX_I64, {-1, {0}}, NULL}};
static const ax_port rate[] = {{"x", AX_F32, {2, {-1, -1}}, names}, {"sr", AX_I64, {0, {0}}, NULL}};
static const struct {
    const char *name;
    const ax_port *ports;
    int n, whole;
} models[] = {{"vec", vec, 1, 0},   {"pic", pic, 1, 0},   {"mat", mat, 1, 0}, {"row", row, 1, 0},
              {"one", one, 1, 0},   {"ids", ids, 1, 0},   {"mix", mix, 3, 0}, {"big", big, 1, 0},
              {"byte", byte, 1, 0}, {"open", open, 1, 1}, {"any", any, 1, 1}, {"rate", rate, 2, 1}, {"whole", whole_types, 5, 0}};

static int find(void *ctx, const char *name, wire_ports *ports, problem *why)
{
    (void)ctx;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (!strcmp(models[i].name, name ? name : "vec")) {
            *ports = (wire_ports){models[i].ports, models[i].n, models[i].whole};
            return 0;
        }
    return problem_set(why, 404, "unknown_model", "no model '%s'", name);
}

typedef struct parsed {
    ax_arena mem;
    wire_request r;
    problem why;
    int result;
} parsed;

/* The text is copied to the end of its own memory, so that a sanitizer sees a read beyond it. */
static void parse(parsed *p, const char *text)
{
    size_t n = strlen(text);
    char *tight = malloc(n + 1);
    memcpy(tight, text, n);
    char *exact = realloc(tight, n ? n : 1);
    ax_arena_init(&p->mem, 0);
    memset(&p->why, 0, sizeof p->why);
    memset(&p->r, 0, sizeof p->r);
    p->result = wire_parse(exact, n, MAX_ROWS, find, NULL, &p->mem, &p->r, &p->why);
    free(exact);
}

static void reads_shapes(void **s)
{
    (void)s;
    static const struct {
        const char *text;
        int rows, bare, n;
        float first, last;
    } cases[] = {
        {"{\"inputs\":[[1,2,3]]}", 1, 0, 3, 1, 3},
        {"{\"instances\":[[1,2,3],[4,5,6]]}", 2, 0, 6, 1, 6},
        {"{\"inputs\":[1,2,3]}", 1, 1, 3, 1, 3},
        {" {\t\"inputs\" : [ [ 1 , 2 , 3 ] ,\n[ 4,5 , 6.5e0 ] ] }\r\n", 2, 0, 6, 1, 6.5f},
        {"{\"model\":\"pic\",\"inputs\":[[[[1,2],[3,4]]]]}", 1, 0, 4, 1, 4},
        {"{\"model\":\"pic\",\"inputs\":[[1,2,3,4],[5,6,7,8]]}", 2, 0, 8, 1, 8},
        {"{\"model\":\"pic\",\"inputs\":[[[1,2],[3,4]]]}", 1, 1, 4, 1, 4},
        {"{\"model\":\"pic\",\"inputs\":[1,2,3,4]}", 1, 1, 4, 1, 4},
        {"{\"model\":\"mat\",\"inputs\":[[1,2,3],[4,5,6]]}", 1, 1, 6, 1, 6},
        {"{\"model\":\"mat\",\"inputs\":[[1,2,3,4,5,6]]}", 1, 0, 6, 1, 6},
        {"{\"model\":\"mat\",\"inputs\":[[[1,2,3],[4,5,6]]]}", 1, 0, 6, 1, 6},
        {"{\"model\":\"row\",\"inputs\":[[1,2,3]]}", 1, 0, 3, 1, 3},
        {"{\"model\":\"row\",\"inputs\":[[1,2,3],[4,5,6]]}", 2, 0, 6, 1, 6},
        {"{\"model\":\"one\",\"inputs\":[1,2,3,4,5]}", 5, 0, 5, 1, 5},
        {"{\"model\":\"one\",\"inputs\":-7}", 1, 1, 1, -7, -7},
        {"{\"inputs\":[[1,2],[3,4]],\"model\":\"pic\"}", 0, 0, 0, 0, 0}, /* refused below */
        {"{\"inputs\":[1,2,3,4],\"model\":\"pic\"}", 1, 1, 4, 1, 4},
        {"{\"inputs\":[[[[1,2],[3,4]]]],\"top\":2,\"model\":\"pic\"}", 1, 0, 4, 1, 4},
        {"{\"inputs\":{\"x\":[[1,2,3]]}}", 1, 0, 3, 1, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        parsed p;
        parse(&p, cases[i].text);
        if (!cases[i].rows) {
            assert_int_equal(p.result, -1);
            ax_arena_fini(&p.mem);
            continue;
        }
        if (p.result)
            fail_msg("%s: %s", cases[i].text, p.why.err.msg);
        const float *x = p.r.data[0];
        assert_int_equal(p.r.rows, cases[i].rows);
        assert_int_equal(p.r.bare, cases[i].bare);
        if (x[0] != cases[i].first || x[cases[i].n - 1] != cases[i].last)
            fail_msg("%s: %g to %g", cases[i].text, (double)x[0], (double)x[cases[i].n - 1]);
        ax_arena_fini(&p.mem);
    }
}

static void reads_tensors_whole(void **s)
{
    (void)s;
    static const struct {
        const char *text;
        int rank;
        int64_t dim[4];
        float last;
    } cases[] = {
        {"{\"model\":\"open\",\"inputs\":[[[1,2,3],[4,5,6]]]}", 3, {1, 2, 3}, 6},
        {"{\"model\":\"open\",\"inputs\":[[[1],[2]],[[3],[4]],[[5],[6]]]}", 3, {3, 2, 1}, 6},
        {"{\"model\":\"open\",\"inputs\":{\"o\":{\"shape\":[1,2,2],\"data\":[1,2,3,4]}}}",
         3,
         {1, 2, 2},
         4},
        {"{\"model\":\"open\",\"inputs\":{\"o\":{ \"data\" : [ 1, 2 ] , \"shape\":[ 1 ,2, 1 ]}}}",
         3,
         {1, 2, 1},
         2},
        {"{\"inputs\":[[[1,2,3],[4,5,6]]],\"model\":\"open\"}", 3, {1, 2, 3}, 6},
        {"{\"model\":\"rate\",\"inputs\":{\"sr\":16000,\"x\":[[1,2],[3,4],[5,6]]}}", 2, {3, 2}, 6},
        {"{\"model\":\"rate\",\"inputs\":{\"sr\":8000,\"x\":[[],[]]}}", 2, {2, 0}, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        parsed p;
        parse(&p, cases[i].text);
        if (p.result)
            fail_msg("%s: %s", cases[i].text, p.why.err.msg);
        const ax_shape want = {cases[i].rank, {cases[i].dim[0], cases[i].dim[1], cases[i].dim[2]}};
        assert_true(ax_shape_equal(&p.r.shape[0], &want));
        assert_true(p.r.whole && p.r.bare && p.r.rows == 1);
        int64_t n = ax_shape_count(&want);
        assert_true(!n || ((const float *)p.r.data[0])[n - 1] == cases[i].last);
        ax_arena_fini(&p.mem);
    }
    parsed p;
    parse(&p, "{\"model\":\"any\",\"inputs\":[[1,-9223372036854775808],[3,4]]}");
    assert_int_equal(p.result, 0);
    assert_true(ax_shape_equal(&p.r.shape[0], &AX_SHAPE(2, 2)));
    assert_true(((const int64_t *)p.r.data[0])[1] == INT64_MIN);
    ax_arena_fini(&p.mem);
}

static void reads_options(void **s)
{
    (void)s;
    parsed p;
    parse(&p, "{\"top\":3,\"timings\":true,\"deadline_ms\":50,\"non_finite\":\"null\","
              "\"outputs\":[\"a\",\"caf\\u00e9\\n\\ud83d\\ude00\"],\"inputs\":[1,2,3],"
              "\"mod\\u0065l\":\"vec\"}");
    assert_int_equal(p.result, 0);
    assert_int_equal(p.r.top, 3);
    assert_int_equal(p.r.timings, 1);
    assert_int_equal(p.r.deadline_ms, 50);
    assert_int_equal(p.r.non_finite, NON_FINITE_NULL);
    assert_int_equal(p.r.n_outputs, 2);
    assert_string_equal(p.r.outputs[0], "a");
    assert_string_equal(p.r.outputs[1], "caf\xc3\xa9\n\xf0\x9f\x98\x80");
    assert_string_equal(p.r.model, "vec");
    ax_arena_fini(&p.mem);
}

static void reads_types(void **s)
{
    (void)s;
    parsed p;
    parse(&p, "{\"model\":\"mix\",\"inputs\":{\"b\":[[-5],[6]],\"c\":[[true],[0]],\"a\":[[1,2],[3,"
              "4.5]]}}");
    assert_int_equal(p.result, 0);
    assert_int_equal(p.r.rows, 2);
    assert_true(((const float *)p.r.data[0])[3] == 4.5f);
    assert_int_equal(((const int32_t *)p.r.data[1])[0], -5);
    assert_int_equal(((const uint8_t *)p.r.data[2])[0], 1);
    assert_int_equal(((const uint8_t *)p.r.data[2])[1], 0);
    ax_arena_fini(&p.mem);
    parse(&p, "{\"model\":\"ids\",\"inputs\":[[9007199254740993,-1]]}");
    assert_int_equal(p.result, 0);
    assert_true(((const int64_t *)p.r.data[0])[0] == 9007199254740993);
    ax_arena_fini(&p.mem);
    parse(&p, "{\"model\":\"big\",\"inputs\":[[0.1],[1e300]]}");
    assert_int_equal(p.result, 0);
    assert_true(((const double *)p.r.data[0])[0] == 0.1 &&
                ((const double *)p.r.data[0])[1] == 1e300);
    ax_arena_fini(&p.mem);
}

static void reads_all_whole_types(void **s)
{
    (void)s;
    parsed p;
    parse(&p, "{\"model\":\"whole\",\"inputs\":{\"i8\":[[-128,127]],\"i16\":[[-32768,32767]],"
              "\"u16\":[[0,65535]],\"u32\":[[4294967295,1e3]],"
              "\"u64\":[[18446744073709551615,1844674407370955161e1]]}}");
    assert_int_equal(p.result, 0);
    assert_int_equal(((const int8_t *)p.r.data[0])[0], -128);
    assert_int_equal(((const int8_t *)p.r.data[0])[1], 127);
    assert_int_equal(((const int16_t *)p.r.data[1])[0], INT16_MIN);
    assert_int_equal(((const uint16_t *)p.r.data[2])[1], UINT16_MAX);
    assert_true(((const uint32_t *)p.r.data[3])[0] == UINT32_MAX);
    assert_true(((const uint32_t *)p.r.data[3])[1] == 1000);
    assert_true(((const uint64_t *)p.r.data[4])[0] == UINT64_MAX);
    assert_true(((const uint64_t *)p.r.data[4])[1] == UINT64_MAX - 5);
    ax_arena_fini(&p.mem);
}

/* A number that its type cannot hold, with what the type takes. */
static void refuses_numbers_by_type(void **s)
{
    static const struct {
        const char *input, *number, *takes;
    } cases[] = {
        {"i8", "128", "int8 are the whole numbers from -128 to 127"},
        {"i8", "-129", "int8 are the whole numbers from -128 to 127"},
        {"i16", "32768", "int16 are the whole numbers from -32768 to 32767"},
        {"u16", "-1", "uint16 are the whole numbers from 0 to 65535"},
        {"u16", "0.5", "uint16 are the whole numbers from 0 to 65535"},
        {"u32", "4294967296", "uint32 are the whole numbers from 0 to 4294967295"},
        {"u64", "18446744073709551616",
         "uint64 are the whole numbers from 0 to 18446744073709551615"},
        {"u64", "-1", "uint64 are the whole numbers from 0 to 18446744073709551615"},
    };
    (void)s;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        parsed p;
        snprintf(text, sizeof text, "{\"model\":\"whole\",\"inputs\":{\"%s\":[[0,%s]]}}",
                 cases[i].input, cases[i].number);
        parse(&p, text);
        assert_int_equal(p.result, -1);
        assert_string_equal(p.why.code, "out_of_range");
        assert_string_equal(p.why.err.hint, cases[i].takes);
        ax_arena_fini(&p.mem);
    }
}

/* Many rows: the buffer grows several times and nothing is lost. */
static void reads_many(void **s)
{
    (void)s;
    char text[MAX_ROWS * 64], *t = text;
    parsed p;
    t += sprintf(t, "{\"inputs\":[");
    for (int i = 0; i < MAX_ROWS; i++)
        t += sprintf(t, i % 2 ? "%s[%d,%d,%d]" : "%s[%d.000000,%d.0e0 ,%d]", i ? "," : "", i, i + 1,
                     i + 2);
    sprintf(t, "]}");
    parse(&p, text);
    assert_int_equal(p.result, 0);
    assert_int_equal(p.r.rows, MAX_ROWS);
    for (int i = 0; i < MAX_ROWS * 3; i++)
        assert_true(((const float *)p.r.data[0])[i] == (float)(i / 3 + i % 3));
    ax_arena_fini(&p.mem);
}

static void refuses(void **s)
{
    (void)s;
    static const struct {
        const char *text, *code, *at;
    } cases[] = {
        {"", "parse_error", ""},
        {"   ", "parse_error", ""},
        {"[1,2,3]", "wrong_type", ""},
        {"null", "wrong_type", ""},
        {"{", "parse_error", ""},
        {"{}", "missing_field", ""},
        {"{\"top\":3}", "missing_field", ""},
        {"{\"inputs\":[1,2,3]", "parse_error", ""},
        {"{\"inputs\":[1,2,3]}x", "parse_error", ""},
        {"{\"inputs\":[1,2,3]}{}", "wrong_type", ""},
        {"{\"inputs\":[1,2,3],}", "parse_error", ""},
        {"{,\"inputs\":[1,2,3]}", "parse_error", ""},
        {"{inputs:[1,2,3]}", "parse_error", ""},
        {"{'inputs':[1,2,3]}", "parse_error", ""},
        {"{\"inputs\" [1,2,3]}", "wrong_type", "inputs"},
        {"{\"inputs\":[1,2,3] \"top\":1}", "wrong_type", ""},
        {"{\"inputs\":[1,2,3],\"inputs\":[1,2,3]}", "duplicate_field", "inputs"},
        {"{\"inputs\":[1,2,3],\"instances\":[1,2,3]}", "duplicate_field", "instances"},
        {"{\"inputs\":[1,2,3],\"top\":1,\"top\":1}", "duplicate_field", "top"},
        {"{\"input\":[1,2,3]}", "unknown_field", "input"},
        {"{\"inputs\":[1,2,3],\"tpo\":3}", "unknown_field", "tpo"},
        {"{\"inputs\":null}", "wrong_type", "inputs"},
        {"{\"inputs\":\"abc\"}", "wrong_type", "inputs"},
        {"{\"inputs\":5}", "wrong_type", "inputs"},
        {"{\"inputs\":true}", "wrong_type", "inputs"},
        {"{\"inputs\":}", "parse_error", "inputs"},
        {"{\"inputs\":[]}", "shape_mismatch", "inputs"},
        {"{\"inputs\":[[]]}", "shape_mismatch", "inputs[0]"},
        {"{\"inputs\":[1,2]}", "shape_mismatch", "inputs"},
        {"{\"inputs\":[1,2,3,4]}", "shape_mismatch", "inputs"},
        {"{\"inputs\":[[1,2,3],[1,2]]}", "shape_mismatch", "inputs[1]"},
        {"{\"inputs\":[[1,2,3],[1,2,3,4]]}", "shape_mismatch", "inputs[1]"},
        {"{\"inputs\":[[1,2,3],4]}", "wrong_type", "inputs[1]"},
        {"{\"inputs\":[[1,2,3],[[1],2,3]]}", "shape_mismatch", "inputs[1][0]"},
        {"{\"inputs\":[[[1,2,3]]]}", "shape_mismatch", "inputs"},
        {"{\"inputs\":[[1,\"2\",3]]}", "wrong_type", "inputs[0][1]"},
        {"{\"inputs\":[[1,null,3]]}", "wrong_type", "inputs[0][1]"},
        {"{\"inputs\":[[1,true,3]]}", "wrong_type", "inputs[0][1]"},
        {"{\"inputs\":[[1,{},3]]}", "wrong_type", "inputs[0][1]"},
        {"{\"inputs\":[[1,NaN,3]]}", "out_of_range", "inputs[0][1]"},
        {"{\"inputs\":[[1,Infinity,3]]}", "out_of_range", "inputs[0][1]"},
        {"{\"inputs\":[[1,-Infinity,3]]}", "out_of_range", "inputs[0][1]"},
        {"{\"inputs\":[[1,2,1e400]]}", "out_of_range", "inputs[0][2]"},
        {"{\"inputs\":[[1,2,-3.5e38]]}", "out_of_range", "inputs[0][2]"},
        {"{\"inputs\":[[01,2,3]]}", "parse_error", "inputs[0][0]"},
        {"{\"inputs\":[[+1,2,3]]}", "parse_error", "inputs[0][0]"},
        {"{\"inputs\":[[.5,2,3]]}", "parse_error", "inputs[0][0]"},
        {"{\"inputs\":[[1.,2,3]]}", "parse_error", "inputs[0][0]"},
        {"{\"inputs\":[[1 2,3]]}", "wrong_type", "inputs[0][0]"},
        {"{\"inputs\":[[1,2,3,]]}", "parse_error", "inputs[0]"},
        {"{\"inputs\":[[1,,3]]}", "parse_error", "inputs[0][1]"},
        {"{\"inputs\":[[1,2,3],]}", "parse_error", "inputs[1]"},
        {"{\"inputs\":[[1,2,3]", "parse_error", "inputs[0]"},
        {"{\"inputs\":[[1,2,3}]}", "parse_error", "inputs[0][2]"},
        {"{\"inputs\":[[1,2,3,4}", "shape_mismatch", "inputs[0]"},
        {"{\"inputs\":[[1,2,3,}", "parse_error", "inputs[0]"},
        {"{\"inputs\":[[1,2,3,\"\\", "parse_error", "inputs[0]"},
        {"{\"inputs\":[[1,2,3", "parse_error", "inputs[0][2]"},
        {"{\"inputs\":[[1,2,", "parse_error", "inputs[0][2]"},
        {"{\"inputs\":[[", "parse_error", "inputs[0][0]"},
        {"{\"inputs\":[[0x10,2,3]]}", "parse_error", "inputs[0][0]"},
        {"{\"inputs\":[1,2,3],\"top\":0}", "out_of_range", "top"},
        {"{\"inputs\":[1,2,3],\"top\":1.5}", "out_of_range", "top"},
        {"{\"inputs\":[1,2,3],\"top\":-1}", "out_of_range", "top"},
        {"{\"inputs\":[1,2,3],\"top\":\"3\"}", "wrong_type", "top"},
        {"{\"inputs\":[1,2,3],\"top\":1e30}", "out_of_range", "top"},
        {"{\"inputs\":[1,2,3],\"timings\":1}", "wrong_type", "timings"},
        {"{\"inputs\":[1,2,3],\"timings\":\"true\"}", "wrong_type", "timings"},
        {"{\"inputs\":[1,2,3],\"deadline_ms\":0}", "out_of_range", "deadline_ms"},
        {"{\"inputs\":[1,2,3],\"non_finite\":\"skip\"}", "invalid", "non_finite"},
        {"{\"inputs\":[1,2,3],\"non_finite\":null}", "wrong_type", "non_finite"},
        {"{\"inputs\":[1,2,3],\"outputs\":\"a\"}", "wrong_type", "outputs"},
        {"{\"inputs\":[1,2,3],\"outputs\":[]}", "parse_error", "outputs[0]"},
        {"{\"inputs\":[1,2,3],\"outputs\":[\"a\",\"a\"]}", "invalid", "outputs[1]"},
        {"{\"inputs\":[1,2,3],\"outputs\":[1]}", "wrong_type", "outputs[0]"},
        {"{\"inputs\":[1,2,3],\"model\":3}", "wrong_type", "model"},
        {"{\"inputs\":[1,2,3],\"model\":\"nope\"}", "unknown_model", ""},
        {"{\"inputs\":[1,2,3],\"model\":\"\\ud800\"}", "parse_error", "model"},
        {"{\"inputs\":[1,2,3],\"model\":\"\\u0000\"}", "parse_error", "model"},
        {"{\"inputs\":[1,2,3],\"model\":\"\\x\"}", "parse_error", "model"},
        {"{\"inputs\":[1,2,3],\"model\":\"a\nb\"}", "parse_error", "model"},
        {"{\"inputs\":[1,2,3],\"model\":\"\xff\xfe\"}", "parse_error", "model"},
        {"{\"inputs\":[1,2,3],\"model\":\"vec", "parse_error", "model"},
        {"{\"model\":\"mix\",\"inputs\":[[1,2]]}", "wrong_type", "inputs"},
        {"{\"model\":\"mix\",\"inputs\":{}}", "parse_error", "inputs"},
        {"{\"model\":\"mix\",\"inputs\":{\"a\":[[1,2]]}}", "missing_input", "inputs"},
        {"{\"model\":\"mix\",\"inputs\":{\"a\":[[1,2]],\"a\":[[1,2]]}}", "invalid", "inputs.a"},
        {"{\"model\":\"mix\",\"inputs\":{\"a\":[[1,2]],\"z\":[[1]]}}", "unknown_input", "inputs"},
        {"{\"model\":\"mix\",\"inputs\":{\"a\":[[1,2]],\"b\":[[1],[2]],\"c\":[[1]]}}",
         "shape_mismatch", "inputs.b"},
        {"{\"model\":\"mix\",\"inputs\":{\"a\":[[1,2]],\"b\":[[1.5]],\"c\":[[1]]}}", "out_of_range",
         "inputs.b[0][0]"},
        {"{\"model\":\"mix\",\"inputs\":{\"a\":[[1,2]],\"b\":[[3000000000]],\"c\":[[1]]}}",
         "out_of_range", "inputs.b[0][0]"},
        {"{\"model\":\"mix\",\"inputs\":{\"a\":[[1,2]],\"b\":[[1]],\"c\":[[2]]}}", "out_of_range",
         "inputs.c[0][0]"},
        {"{\"model\":\"byte\",\"inputs\":[[1,256]]}", "out_of_range", "inputs[0][1]"},
        {"{\"model\":\"byte\",\"inputs\":[[1,-1]]}", "out_of_range", "inputs[0][1]"},
        {"{\"model\":\"pic\",\"inputs\":[[[1,2],[3,4],[5,6]]]}", "shape_mismatch", "inputs[0]"},
        {"{\"model\":\"pic\",\"inputs\":[[[[1,2],[3]]]]}", "shape_mismatch", "inputs[0][0][1]"},
        {"{\"model\":\"pic\",\"inputs\":[[[[[1]]]]]}", "shape_mismatch", "inputs"},
        {"{\"model\":\"mat\",\"inputs\":[[1,2],[3,4]]}", "shape_mismatch", "inputs[0]"},
        {"{\"model\":\"one\",\"inputs\":[[1]]}", "shape_mismatch", "inputs"},
        {"{\"model\":\"one\",\"inputs\":[]}", "shape_mismatch", "inputs"},
        {"{\"model\":\"open\",\"inputs\":[[1,2],[3,4]]}", "shape_mismatch", "inputs"},
        {"{\"model\":\"open\",\"inputs\":[[[1,2],[3]]]}", "shape_mismatch", "inputs[0][1]"},
        {"{\"model\":\"open\",\"inputs\":[[[1,2],[3,4],[5,6]]]}", "shape_mismatch", "inputs[0]"},
        {"{\"model\":\"open\",\"inputs\":[[[1],[3]],[[4]]]}", "shape_mismatch", "inputs[1]"},
        {"{\"model\":\"open\",\"inputs\":[[[1,2],[3,null]]]}", "wrong_type", "inputs[0][1][1]"},
        {"{\"model\":\"open\",\"inputs\":{\"o\":{\"shape\":[1,3,1],\"data\":[1,2,3]}}}",
         "shape_mismatch", "inputs.o"},
        {"{\"model\":\"open\",\"inputs\":{\"o\":{\"shape\":[1,2,2],\"data\":[1,2,3]}}}",
         "shape_mismatch", "inputs.o"},
        {"{\"model\":\"open\",\"inputs\":{\"o\":{\"shape\":[1,2,-2],\"data\":[1]}}}", "wrong_type",
         "inputs.o"},
        {"{\"model\":\"open\",\"inputs\":{\"o\":{\"data\":[1]}}}", "missing_field", "inputs.o"},
        {"{\"model\":\"open\",\"inputs\":{\"o\":{\"dat\":[1]}}}", "unknown_field", "inputs.o"},
        {"{\"model\":\"open\",\"inputs\":{\"o\":{\"data\":[1],\"data\":[1]}}}", "duplicate_field",
         "inputs.o"},
        {"{\"model\":\"open\",\"inputs\":{\"o\":{\"shape\":[4611686018427387904,2,4],\"data\":[1]}}"
         "}",
         "shape_mismatch", "inputs.o"},
        {"{\"model\":\"rate\",\"inputs\":{\"x\":[[1]],\"sr\":[16000]}}", "shape_mismatch",
         "inputs.sr"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        parsed p;
        parse(&p, cases[i].text);
        if (p.result != -1 || !p.why.code || strcmp(p.why.code, cases[i].code) ||
            strcmp(p.why.err.at, cases[i].at))
            fail_msg("%s: %d, %s at '%s': %s", cases[i].text, p.result,
                     p.why.code ? p.why.code : "-", p.why.err.at, p.why.err.msg);
        assert_in_range(p.why.status, 400, 404);
        assert_true(p.why.err.msg[0]);
        ax_arena_fini(&p.mem);
    }
}

static void says_expected_and_got(void **s)
{
    (void)s;
    parsed p;
    parse(&p, "{\"model\":\"pic\",\"inputs\":[[1,2,3,4],[1,2,3,4],[1,2,3]]}");
    assert_string_equal(p.why.expected, "4");
    assert_string_equal(p.why.got, "3");
    assert_string_equal(p.why.err.at, "inputs[2]");
    assert_non_null(strstr(p.why.err.hint, "[1,2,2]"));
    ax_arena_fini(&p.mem);
    parse(&p, "{\"inputs\":[[1,2,3,4,5,6,7]]}");
    assert_string_equal(p.why.got, "7");
    ax_arena_fini(&p.mem);
    parse(&p, "{\"imputs\":[1,2,3]}");
    assert_string_equal(p.why.err.hint, "did you mean 'inputs'?");
    ax_arena_fini(&p.mem);
}

static void limits_rows_and_depth(void **s)
{
    (void)s;
    char text[8192], *t = text;
    parsed p;
    t += sprintf(t, "{\"inputs\":[");
    for (int i = 0; i <= MAX_ROWS; i++)
        t += sprintf(t, "%s[1,2,3]", i ? "," : "");
    sprintf(t, "]}");
    parse(&p, text);
    assert_int_equal(p.result, -1);
    assert_int_equal(p.why.status, 413);
    ax_arena_fini(&p.mem);
    t = text + sprintf(text, "{\"model\":\"one\",\"inputs\":[");
    for (int i = 0; i <= MAX_ROWS; i++)
        t += sprintf(t, "%s1", i ? "," : "");
    sprintf(t, "]}");
    parse(&p, text);
    assert_int_equal(p.why.status, 413);
    ax_arena_fini(&p.mem);
    t = text + sprintf(text, "{\"inputs\":");
    memset(t, '[', 5000);
    t[5000] = 0;
    parse(&p, text);
    assert_int_equal(p.result, -1);
    ax_arena_fini(&p.mem);
}

/* Every prefix of a good body is refused, and every byte of it may be any other byte. */
static void survives_damage(void **s)
{
    (void)s;
    static const char good[] =
        "{\"model\":\"mix\",\"top\":2,\"inputs\":{\"a\":[[1.25,-2e3]],\"b\":[[7]],\"c\":[[true]]},"
        "\"outputs\":[\"x\\u00e9\"],\"timings\":false}";
    char text[sizeof good];
    for (size_t n = 0; n < sizeof good; n++) {
        parsed p;
        memcpy(text, good, n);
        text[n] = 0;
        parse(&p, text);
        assert_int_equal(p.result, n < sizeof good - 1 ? -1 : 0);
        ax_arena_fini(&p.mem);
    }
    for (size_t i = 0; i < sizeof good - 1; i++)
        for (int c = 1; c < 256; c++) {
            parsed p;
            memcpy(text, good, sizeof good);
            text[i] = (char)c;
            parse(&p, text);
            assert_true(p.result == 0 || p.why.status >= 400);
            ax_arena_fini(&p.mem);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_shapes),
        cmocka_unit_test(reads_tensors_whole),
        cmocka_unit_test(reads_options),
        cmocka_unit_test(reads_types),
        cmocka_unit_test(reads_all_whole_types),
        cmocka_unit_test(refuses_numbers_by_type),
        cmocka_unit_test(reads_many),
        cmocka_unit_test(refuses),
        cmocka_unit_test(says_expected_and_got),
        cmocka_unit_test(limits_rows_and_depth),
        cmocka_unit_test(survives_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
