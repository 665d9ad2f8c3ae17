/* act_trig.c - sine and cosine of doubles: right to 2^-46 for every angle.
 *
 * The primitives of prims_trig.h are compiled here for vectors of two doubles; what the kernels
 * make of them, on each instruction set, is in act_ulp.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#define AX_VL 4
#include "activation/prims_trig.h"

#define CLOSE 0x1p-46L

static sine_cosine at(double hi, double lo)
{
    return sin_cos((pair){all(hi), all(lo)});
}

static void expect(double hi, double lo, long double s, long double c)
{
    sine_cosine got = at(hi, lo);
    for (int i = 0; i < LANES; i++)
        if (!(fabsl(got.sin[i] - s) <= CLOSE * fabsl(s) &&
              fabsl(got.cos[i] - c) <= CLOSE * fabsl(c)))
            fail_msg("%a + %a: %.17g %.17g, expected %.17Lg %.17Lg", hi, lo, got.sin[i],
                     got.cos[i], s, c);
}

/* the doubles nearest to multiples of pi/2, the ends of the ranges, and products of a float32 with
 * the double that takes it as near to a multiple of pi as can be; sine and cosine with 720
 * digits */
/* clang-format off */
static const struct {
    double hi, lo;
    long double s, c;
} hard[] = {
    {0x1.6ac5b262ca1ffp+849, 0, 1.0L, -4.687165924254627611123e-19L},
    {0x1.6ac5b262ca1ffp+850, 0, -9.374331848509255222245e-19L, -1.0L},
    {-0x1.6ac5b262ca1ffp+850, 0, 9.374331848509255222245e-19L, -1.0L},
    {0x1.6ac5b262ca1ffp+851, 0, 1.874866369701851044449e-18L, 1.0L},
    {0x1.e009c53148be1p+991, 0, 1.0L, 2.014938667495223884095e-18L},
    {0x1.0f0cf064dd592p+73, 0, -0.8522008497671888017727L, 0.5232147853951389454976L},
    {0x1.504cac51f1eafp+131, 0, -1.0L, -1.820856637738217289305e-18L},
    {0x1.b951f1572eba5p+23, 0, -1.0L, -1.698503829898600379462e-18L},
    {0x1.6c6cbc45dc8dep+5, 0, 1.0L, -6.189806365883577000151e-19L},
    {0x1.6c6cbc45dc8dep+6, 0, -1.23796127317671540003e-18L, -1.0L},
    {-0x1.6c6cbc45dc8dep+6, 0, 1.23796127317671540003e-18L, -1.0L},
    {0x1.6c6cbc45dc8dep+7, 0, 2.47592254635343080006e-18L, 1.0L},
    {0x1.6c6cbc45dc8dep+8, 0, 4.951845092706861600121e-18L, 1.0L},
    {0x1.6c6cbc45dc8dep+9, 0, 9.903690185413723200241e-18L, 1.0L},
    {0x1.ffffffff2e48fp+19, 0, 0.3303987575804919392397L, 0.9438414384785546807532L},
    {0x1p+20, 0, 0.3304931400217346716397L, 0.9438083939013119840062L},
    {0x1p+1000, 0, -0.15920170308624243824L, 0.9872460775989134842399L},
    {0x1.fffffffffffffp+1023, 0, 0.004961954789184061790503L, -0.9999876894265599374649L},
    {0x1.56e1fc2f8f359p-997, 0, 1.000000000000000025059e-300L, 1.0L},
    {0x1p-1074, 0, 4.940656458412465441766e-324L, 1.0L},
    {1, 0, 0.8414709848078965066525L, 0.5403023058681397174009L},
    {0x1.921fb54442d18p+1, 0, 1.224646799147353177226e-16L, -1.0L},
    {0x1.921fb54442d18p+1, 0x1.2ee178p-53, -8.888901441166103964642e-18L, -1.0L},
    {0x1.5fdbbe9bba775p+4, 0x1.62bf5p-51, 2.418642649815848059675e-16L, -1.0L},
    {0x1.2efdec30a2e8bp+15, -0x1.d250a4p-39, -1.274815537346106656905e-12L, -1.0L},
    {0x1.107d5eb5b5ba5p+68, 0x1.203b1p+13, -0.6730132245404066024717L, 0.7396304479898892345946L},
};
/* clang-format on */

static void test_hard(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++)
        expect(hard[i].hi, hard[i].lo, hard[i].s, hard[i].c);
}

static double random_double(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    uint64_t bits = *seed ^ *seed >> 29;
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void test_everywhere(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 400000; i++) {
        double v = random_double(&seed);
        if (i & 1) /* every other one where angles mostly are */
            v = ldexp(frexp(v, &(int){0}), i / 2 % 30 - 8);
        if (isfinite(v))
            expect(v, 0, sinl(v), cosl(v));
    }
}

/* multiples of pi/2 as near as a double comes to them, on both sides of where the ways part */
static void test_multiples(void **state)
{
    (void)state;
    const long double quarter = 1.57079632679489661923132169163975144L;
    for (int n = 1; n < 2000000; n += 1 + n / 500) {
        double v = (double)(n * quarter);
        expect(v, 0, sinl(v), cosl(v));
        expect(-v, 0, sinl(-v), cosl(v));
    }
}

/* lanes do not see each other: a far one next to a near one, infinity and NaN */
static void test_lanes(void **state)
{
    (void)state;
    static const double x[] = {1, 1e10, INFINITY, -INFINITY, NAN, -0.0, 0x1p20, 3};
    for (int i = 0; i < 8; i++)
        for (int j = 0; j < 8; j++) {
            sine_cosine both = sin_cos(whole((vd){x[i], x[j]}));
            sine_cosine a = at(x[i], 0), b = at(x[j], 0);
            assert_true(both.sin[0] == a.sin[0] || (isnan(both.sin[0]) && !isfinite(x[i])));
            assert_true(both.cos[1] == b.cos[1] || (isnan(both.cos[1]) && !isfinite(x[j])));
            assert_true(isnan(a.sin[0]) == !isfinite(x[i]));
            assert_true(isnan(a.cos[0]) == !isfinite(x[i]));
        }
    assert_true(signbit(at(-0.0, 0).sin[0]) && !signbit(at(0.0, 0).sin[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hard),
        cmocka_unit_test(test_everywhere),
        cmocka_unit_test(test_multiples),
        cmocka_unit_test(test_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
