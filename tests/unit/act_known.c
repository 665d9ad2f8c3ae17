/* act_known.c - the inputs at which activation functions are known to go wrong elsewhere.
 *
 * One test per row, named after what is computed. The expected float32 is the mathematics with 60
 * digits, rounded once; it must come out to the bit on every instruction set. `elsewhere` says what
 * usual float32 code makes of it, and why. To add one: a row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "activation/activation.h"
#include "math/cpu.h"

typedef struct known {
    const char *name, *act;
    int order; /* of the derivative: 0, 1 or 2 */
    float x, y;
    const char *elsewhere;
} known;

/* clang-format off */
static const known table[] = {
    {"sigmoid(-18)", "sigmoid", 0, -18, 0x1.05a628p-26f, "-5.96e-8: a rational fit plus 1/2"},
    {"sigmoid(-95)", "sigmoid", 0, -95, 0x1.ec8p-138f, "0: 1/(1 + e^95), e^95 overflows"},
    {"sigmoid'(20)", "sigmoid", 1, 20, 0x1.1b4866p-29f, "0: 1 - sigmoid is 0"},
    {"tanh'(9.5)", "tanh", 1, 9.5f, 0x1.810570p-26f, "0: 1 - tanh^2 is 0"},
    {"erf(1e-8)", "erf", 0, 1e-8f, 0x1.83b548p-27f, "0: small in an absolute sense only"},
    {"tanh_shrink(1e-4)", "tanh_shrink", 0, 1e-4f, 0x1.774cc8p-42f,
     "-7.3e-12: nothing of x - tanh x is left"},
    {"hard_sigmoid(-2.9999998)", "hard_sigmoid", 0, -2.9999998f, 0x1.555556p-25f,
     "2.98e-8: x/6 is rounded before 1/2 is added"},
    {"hard_sigmoid(-2.99983)", "hard_sigmoid", 0, -2.99983f, 0x1.db5556p-16f,
     "2.8312e-5, 5461 ULP off: 1/6 is rounded, too"},
    {"gelu(-6)", "gelu", 0, -6, -0x1.96c966p-28f, "0: 1 + erf is 0"},
    {"gelu(-13)", "gelu", 0, -13, -0x1.b0f714p-124f,
     "151 ULP off with erfc: its argument 13/sqrt(2) is rounded"},
    {"gelu'(-5.5)", "gelu", 1, -5.5f, -0x1.33d03ep-21f, "-5.63e-7: 1 + erf has two digits left"},
    {"gelu_tanh(-9.95)", "gelu_tanh", 0, -9.95f, -0x1.002a5ep-121f, "0: 1 + tanh is 0"},
    {"mish(-104)", "mish", 0, -104, -0x1.98p-144f, "0: e^-104 is, 104 times it is not"},
    {"mish'(-1.1924312)", "mish", 1, -1.19243121f, 0x1.beb774p-31f, "0: two halves cancel"},
    {"silu(-91)", "silu", 0, -91, -0x1.2ab2cep-125f, "0: 1 + e^91 overflows"},
    {"silu'(-1.2784646)", "silu", 1, -1.27846454f, -0x1.848b9ep-29f,
     "0: 1 + x (1 - sigmoid) cancels at the minimum of silu"},
    {"hard_swish(-2.99983)", "hard_swish", 0, -2.99983f, -0x1.647ad4p-14f,
     "8191 ULP off: x/6 is rounded before 1/2 is added"},
    {"gcu'(0.86033359)", "gcu", 1, 0.860333589f, 0x1.e3f1a2p-25f,
     "5.96e-8: cos x - x sin x cancels"},
    {"sin(3.1415927)", "sin", 0, 3.14159265f, -0x1.777a5cp-24f,
     "0 where pi is a float32: x is not a multiple of it"},
    {"sin(1e22)", "sin", 0, 1e22f, -0x1.77d988p-1f, "anything: pi needs 100 digits here"},
    {"elu(-1e-8)", "elu", 0, -1e-8f, -0x1.5798eep-27f, "0: e^x is rounded before 1 is subtracted"},
    {"softplus(-17)", "softplus", 0, -17, 0x1.639e3p-25f, "0: 1 + e^-17 is 1"},
    {"softplus(-95)", "softplus", 0, -95, 0x1.ec8p-138f, "0: e^95 overflows, or subnormals are flushed"},
    {"squareplus(-1e20)", "squareplus", 0, -1e20f, 0x1.79ca1p-67f, "inf: x^2 overflows"},
    {"squareplus'(-1e4)", "squareplus", 1, -1e4f, 0x1.5798eep-27f, "0: 1 + x/r is 0"},
    {"logcosh(1e-4)", "logcosh", 0, 1e-4f, 0x1.5798ecp-28f, "0: cosh is 1, or |x| and ln 2 cancel"},
    {"xielu(-2.43248)", "xielu", 0, -0x1.375ba6p+1f, 0x1.b7c628p-26f, "0: next to a root"},
    {"xielu'(-0.98083)", "xielu", 1, -0x1.f62f4p-1f, 0x1.231928p-28f, "0: next to a root"},
};
/* clang-format on */

static void test_known(void **state)
{
    static void (*const evaluate[])(const ax_act *a, const float *x, float *y,
                                    size_t n) = {ax_act_forward, ax_act_derivative, ax_act_second};
    const known *k = *state;
    ax_act a;
    assert_int_equal(ax_act_by_name(k->act, &a, NULL), 0);
    for (int i = 0; i < AX_ISAS; i++) {
        if (!ax_isa_supported((ax_isa)i))
            continue;
        float y;
        assert_int_equal(ax_isa_force(ax_isa_name((ax_isa)i), NULL), 0);
        evaluate[k->order](&a, &k->x, &y, 1);
        if (memcmp(&y, &k->y, sizeof y) != 0)
            fail_msg("%s on %s is %a (%.9g), expected %a (%.9g); elsewhere %s", k->name,
                     ax_isa_name((ax_isa)i), (double)y, (double)y, (double)k->y, (double)k->y,
                     k->elsewhere);
    }
}

int main(void)
{
    enum { N = sizeof table / sizeof *table };
    struct CMUnitTest tests[N];
    for (int i = 0; i < N; i++)
        tests[i] = (struct CMUnitTest){table[i].name, test_known, NULL, NULL, (void *)&table[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
