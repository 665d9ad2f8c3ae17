/* act_bits.c - the same bits on every machine, from every compiler.
 *
 * act_ulp.c compares the instruction sets of one machine; these hashes tie x86-64 and aarch64, gcc
 * and clang together. A change of a kernel that changes results changes its hash: a release note,
 * not an accident. NaNs count as one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "activation/activation.h"
#include "math/cpu.h"

enum { BLOCK = 1000, STRIDE = 104729 }; /* 41 thousand of the float32 */

/* clang-format off */
static const struct {
    const char *name;
    uint64_t hash; /* of f and f', or of y and dx of rows */
} golden[] = {
    {"identity", 0x15c8d7712d62ddb5},
    {"affine", 0x15c8d7712d62ddb5},
    {"step", 0xa0ab3c4be5484825},
    {"relu", 0xc35469a07ec55e53},
    {"relu6", 0xd6aef60703f1afd8},
    {"leaky_relu", 0x8ac5a145f5e1d3f0},
    {"prelu", 0x0a71f2e9861e4205},
    {"elu", 0x849b835ae5f06970},
    {"celu", 0x849b835ae5f06970},
    {"selu", 0x0cf666c62e779826},
    {"softplus", 0x9c2dd6da8b0980a9},
    {"rrelu", 0x0b579de7a9da5f25},
    {"threshold", 0xe14f63b0b3192a36},
    {"squared_relu", 0xf176f2af9674e881},
    {"star_relu", 0x41c40aee7a62eb6f},
    {"srelu", 0x4677b4e84ff449c1},
    {"apl", 0x80d6b66308290e64},
    {"abs", 0x5501896ad8e2ddb5},
    {"isrlu", 0x70f43b2379f2260f},
    {"squareplus", 0x64661e89bc544310},
    {"sparse_plus", 0x80fe1d0688f7ce10},
    {"logcosh", 0x5dc99edba334fffb},
    {"bent_identity", 0xd2d6f2e8fc3c190a},
    {"exponential", 0x04b5b5a2eb4f15aa},
    {"xielu", 0xc4bbee2a2d09f65b},
    {"sigmoid", 0xd14f7ec2c9b25714},
    {"hard_sigmoid", 0x8d20bc9390b2fe0d},
    {"sparse_sigmoid", 0x523943339c8d8c03},
    {"log_sigmoid", 0xf8cde6697dc84c28},
    {"cloglog", 0x5d8e4d8e9b0b0117},
    {"probit", 0x973e0c3a1ed8faf9},
    {"laplace", 0xe894cd48b5e8862a},
    {"tanh", 0x3ad630654febc8a0},
    {"lecun_tanh", 0x0305af2e50c1c689},
    {"softcap", 0x49222b197989c43c},
    {"hard_tanh", 0x7a095ba46bfc446c},
    {"softsign", 0x2075b3ebe1ec177f},
    {"arctan", 0x9bbbdc54fa451479},
    {"erf", 0x397f1622532fa57b},
    {"isru", 0xcde99c6e66d1ed9f},
    {"sqnl", 0x29ada351fd45ad35},
    {"gaussian", 0x55cff4c520d76b67},
    {"aria2", 0x4487f7ca45cd1c66},
    {"hard_shrink", 0x97c189f7a2ae7dbc},
    {"soft_shrink", 0xf2eac5c5250352e9},
    {"tanh_shrink", 0x13b8826b29215b98},
    {"silu", 0x27ea97fcc67ec7b9},
    {"gelu", 0xe3338706219015e0},
    {"gelu_tanh", 0xa6907b7b2b821a06},
    {"mish", 0x31db3e2b28cfd1f3},
    {"swish", 0x27ea97fcc67ec7b9},
    {"e_swish", 0xc078cc825959b8c5},
    {"quick_gelu", 0x6ad1c0be266361f2},
    {"hard_mish", 0x677cb7376bcbb6fb},
    {"telu", 0x079539ca2d52609f},
    {"serf", 0x578aece2877f4aa7},
    {"smish", 0xede18e4dd5b988c6},
    {"logish", 0x000761a071908340},
    {"phish", 0x8ddf553448460ce4},
    {"lisht", 0xfb3a2bd307aa8c0e},
    {"elish", 0xa5ff9bafac732a35},
    {"hard_elish", 0xadf48131334c365a},
    {"acon_c", 0xdb5af697789c2b69},
    {"pau", 0x7f4ca88735839296},
    {"sin", 0x6fb4a576b7792072},
    {"cos", 0xcef5323f307a271e},
    {"sinc", 0xc2272d6a076d0c05},
    {"sinlu", 0xba0ad547d753f105},
    {"snake", 0xd5199fbc57906846},
    {"gcu", 0xdcb245c8a8b386e8},
    {"hard_swish", 0x572072fcab10615c},
    {"swish", 0x27ea97fcc67ec7b9},
    {"e_swish", 0xc078cc825959b8c5},
    {"quick_gelu", 0x6ad1c0be266361f2},
    {"hard_mish", 0x677cb7376bcbb6fb},
    {"telu", 0x079539ca2d52609f},
    {"serf", 0x578aece2877f4aa7},
    {"smish", 0xede18e4dd5b988c6},
    {"logish", 0x000761a071908340},
    {"phish", 0x8ddf553448460ce4},
    {"lisht", 0xfb3a2bd307aa8c0e},
    {"elish", 0xa5ff9bafac732a35},
    {"hard_elish", 0xadf48131334c365a},
    {"acon_c", 0xdb5af697789c2b69},
    {"pau", 0x7f4ca88735839296},
    {"sin", 0x6fb4a576b7792072},
    {"cos", 0xcef5323f307a271e},
    {"sinc", 0xc2272d6a076d0c05},
    {"sinlu", 0xba0ad547d753f105},
    {"snake", 0xd5199fbc57906846},
    {"gcu", 0xdcb245c8a8b386e8},
    {"softmax", 0x36bfb1135a915c62},
    {"log_softmax", 0xc04f8a04fa2757ba},
    {"softmin", 0x5a3102c9913652b0},
    {"softmax1", 0xcb34fdc3484d8ead},
    {"hardmax", 0x865b0b7895179db5},
    {"gumbel_softmax", 0x36bfb1135a915c62},
    {"sparsemax", 0x2be6dffe1e4f31ed},
    {"entmax15", 0x68e0e6220b03089f},
    {"maxout", 0xbe7b862389f4e70b},
    {"crelu", 0x966f31a272db1598},
    {"glu", 0xc02ed1c03762f4db},
    {"gtu", 0xc2a9b2b4c4a1f0e3},
    {"bilinear", 0xc6e0827609a5911e},
    {"reglu", 0x9c5c017687a39aa5},
    {"geglu", 0xbdc31f78384ffc13},
    {"swiglu", 0x66485d26e842458e},
    {"swiglu_oai", 0x566d16d421820b10},
};
/* clang-format on */

static uint64_t mix(uint64_t h, const float *y, int n)
{
    for (int i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &y[i], sizeof bits);
        if (isnan(y[i]))
            bits = 0x7fc00000;
        h = (h ^ bits) * 0x100000001b3;
    }
    return h;
}

/* the next n numbers of a walk over all bit patterns, NaNs and infinities included */
static void walk(uint32_t *at, float *x, int n)
{
    for (int i = 0; i < n; i++, *at += STRIDE)
        memcpy(&x[i], at, sizeof *x);
}

static uint64_t hash_element(const ax_act *a)
{
    static float x[BLOCK], y[BLOCK];
    uint64_t h = 0xcbf29ce484222325;
    uint32_t at = 0;
    for (int b = 0; b < 42; b++) {
        walk(&at, x, BLOCK);
        ax_act_forward(a, x, y, BLOCK);
        h = mix(h, y, BLOCK);
        ax_act_derivative(a, x, y, BLOCK);
        h = mix(h, y, BLOCK);
        for (int i = 0; i < BLOCK; i++) /* where most functions are curved */
            x[i] = (float)(b * BLOCK + i - 21000) * 1e-3f;
        ax_act_forward(a, x, y, BLOCK);
        h = mix(h, y, BLOCK);
        ax_act_backward(a, x, y, y, BLOCK);
        h = mix(h, y, BLOCK);
    }
    return h;
}

/* the row's own numbers, continued, serve as dy */
static uint64_t hash_vector(const ax_act *a)
{
    static float x[2 * BLOCK], y[2 * BLOCK], dx[BLOCK];
    uint64_t h = 0xcbf29ce484222325;
    for (int len = 1; len <= BLOCK; len += 1 + len / 3) {
        int rows = BLOCK / len, m = (int)ax_act_out_len(a, len);
        if (m < 0) /* not a length this function takes */
            continue;
        for (int i = 0; i < 2 * BLOCK; i++)
            x[i] = (float)((i * 7919 + len) % 1013 - 500) * (len % 2 ? 0.37f : 0.007f);
        ax_act_rows(a, x, y, rows, len, 1);
        h = mix(h, y, rows * m);
        ax_act_rows_backward(a, a->row->from_input ? x : y, x, dx, rows, len, 1);
        h = mix(h, dx, rows * len);
        ax_act_rows(a, x, y, 1, len, rows);
        h = mix(h, y, rows * m);
    }
    return h;
}

static void check(const char *isa)
{
    int n, wrong = 0, known = (int)(sizeof golden / sizeof *golden);
    const ax_act_row *rows = ax_act_catalog(&n);
    assert_int_equal(ax_isa_force(isa, NULL), 0);
    for (int i = 0; i < n; i++) {
        ax_act a = {.row = &rows[i]};
        for (int p = 0; p < AX_ACT_PARAMS && rows[i].params[p].name; p++)
            a.param[p] = rows[i].params[p].def;
        uint64_t h = rows[i].kind == AX_ACT_ELEMENT ? hash_element(&a) : hash_vector(&a);
        int j = 0;
        while (j < known && strcmp(golden[j].name, rows[i].name) != 0)
            j++;
        if (j == known || golden[j].hash != h) {
            print_error("%s gives    {\"%s\", 0x%016llx},\n", isa, rows[i].name,
                        (unsigned long long)h);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

static void test_bits(void **state)
{
    (void)state;
    for (int i = 0; i < AX_ISAS; i++)
        if (ax_isa_supported((ax_isa)i))
            check(ax_isa_name((ax_isa)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
