/* act_prims.c - the elementary functions of prims_full.h against long double, as relative errors;
 * pairs of doubles.
 *
 * Arguments are doubles of all sizes: random bit patterns, numbers round 1, and the places where a
 * formula changes. What belongs at the ends of the domains is a table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <string.h>

#define AX_VL 4
#include "activation/pairs_log.h"

_Static_assert(LDBL_MANT_DIG >= 64, "the reference needs a long double wider than double");

typedef vd prim(vd x);
typedef long double exact(long double x);

static long double exact_normal(long double x)
{
    return erfcl(-x / sqrtl(2.0L)) / 2;
}

static long double exact_tanh_shrink(long double x)
{
    if (fabsl(x) > 0.1L)
        return x - tanhl(x);
    long double w = x * x, s = 0;
    static const long double c[] = {
        1 / 3.0L,         -2 / 15.0L,          17 / 315.0L,           -62 / 2835.0L,
        1382 / 155925.0L, -21844 / 6081075.0L, 929569 / 638512875.0L, -6404582 / 10854718875.0L};
    for (int i = 7; i >= 0; i--)
        s = s * w + c[i];
    return x * w * s;
}

/* noinline keeps the compiler from seeing the arguments */
#define AT_ALL(name)                                                                               \
    static __attribute__((noinline)) vd name##_at(vd x)                                            \
    {                                                                                              \
        return name(x);                                                                            \
    }
AT_ALL(exp_full)
AT_ALL(expm1_full)
AT_ALL(log_full)
AT_ALL(log1p_full)
AT_ALL(normal_full)
AT_ALL(erfc_full)
AT_ALL(erf_full)
AT_ALL(atan_full)
AT_ALL(tanh_of)
AT_ALL(tanh_shrink_full)
AT_ALL(square_root)

/* clang-format off */
static const struct {
    const char *name;
    prim *f;
    exact *e;
    double from, to; /* tested there with random numbers, too */
    double ends[5];  /* f(-inf), f(-0), f(0), f(inf), f(-2) */
} table[] = {
    {"exp", exp_full_at, expl, -745, 710, {0, 1, 1, INFINITY, 0.13533528323661269}},
    {"expm1", expm1_full_at, expm1l, -50, 710, {-1, -0.0, 0, INFINITY, -0.86466471676338731}},
    {"log", log_full_at, logl, 0, 3, {NAN, -INFINITY, -INFINITY, INFINITY, NAN}},
    {"log1p", log1p_full_at, log1pl, -1, 3, {NAN, -0.0, 0, INFINITY, NAN}},
    {"Phi", normal_full_at, exact_normal, -38.6, 9, {0, 0.5, 0.5, 1, 0.0227501319481792072}},
    {"erfc", erfc_full_at, erfcl, -6, 27.3, {2, 1, 1, 0, 1.9953222650189527}},
    {"erf", erf_full_at, erfl, -6, 6, {-1, -0.0, 0, 1, -0.9953222650189527}},
    {"atan", atan_full_at, atanl, -5, 5, {-M_PI_2, -0.0, 0, M_PI_2, -1.1071487177940905}},
    {"tanh", tanh_of_at, tanhl, -25, 25, {-1, -0.0, 0, 1, -0.9640275800758169}},
    {"tanh_shrink", tanh_shrink_full_at, exact_tanh_shrink, -2, 2,
     {-INFINITY, -0.0, 0, INFINITY, -1.0359724199241831}},
    {"sqrt", square_root_at, sqrtl, 0, 100, {NAN, -0.0, 0, INFINITY, NAN}},
};
/* clang-format on */

static double at(prim *f, double x)
{
    double lanes[LANES];
    vd v = f(x - (vd){0});
    memcpy(lanes, &v, sizeof lanes);
    for (int i = 1; i < LANES; i++)
        assert_memory_equal(&lanes[i], &lanes[0], sizeof *lanes);
    return lanes[0];
}

static double worst, worst_x;

/* relative, but subnormal results may be off by the smallest number there is */
static void judge(prim *f, exact *e, double x)
{
    double got = at(f, x);
    long double want = e(x);
    if (isnan(want) || isinf((double)want)) {
        if (isnan(want) ? !isnan(got) : got != (double)want && fabsl(want) > 0x1.001p1024L)
            fail_msg("%a gives %a, expected %Lg", x, got, want);
        return;
    }
    long double off = fabsl(got - want) - 0x1p-1074L;
    double rel = off <= 0 ? 0 : (double)(off / fabsl(want));
    if (!(rel <= worst))
        worst = rel, worst_x = x;
}

static double random_bits(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    uint64_t bits = *seed ^ *seed >> 29;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double uniform(uint64_t *seed, double from, double to)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return from + (to - from) * (double)(*seed >> 11) * 0x1p-53;
}

static void test_errors(void **state)
{
    static const double hard[] = {0.6,
                                  0.625,
                                  15,
                                  15 / M_SQRT2,
                                  M_SQRT1_2,
                                  M_SQRT2,
                                  1,
                                  0x1p-1,
                                  2,
                                  0x1p52,
                                  0.41421356237309503,
                                  2.4142135623730951,
                                  40,
                                  400,
                                  700,
                                  709.78,
                                  708.4,
                                  745.13,
                                  1e-8,
                                  0x1p-1022};
    (void)state;
    uint64_t seed = 7;
    for (size_t r = 0; r < sizeof table / sizeof *table; r++) {
        worst = 0;
        for (int i = 0; i < 100000; i++) {
            judge(table[r].f, table[r].e, random_bits(&seed));
            judge(table[r].f, table[r].e, uniform(&seed, table[r].from, table[r].to));
            judge(table[r].f, table[r].e, 1 + uniform(&seed, -0x1p-20, 0x1p-20));
            judge(table[r].f, table[r].e, uniform(&seed, -0x1p-20, 0x1p-20));
        }
        for (size_t h = 0; h < sizeof hard / sizeof *hard; h++)
            for (int i = -50; i <= 50; i++) {
                judge(table[r].f, table[r].e, hard[h] * (1 + i * 0x1p-52));
                judge(table[r].f, table[r].e, -hard[h] * (1 + i * 0x1p-52));
            }
        print_message("%-12s 2^%.1f\n", table[r].name, log2(worst));
        if (!(worst <= 0x1p-41))
            fail_msg("%s(%a) is off by 2^%.1f", table[r].name, worst_x, log2(worst));
    }
}

static void test_ends(void **state)
{
    (void)state;
    const double x[] = {-INFINITY, -0.0, 0, INFINITY, -2};
    for (size_t r = 0; r < sizeof table / sizeof *table; r++) {
        assert_true(isnan(at(table[r].f, NAN)));
        for (int i = 0; i < 5; i++) {
            double y = at(table[r].f, x[i]), want = table[r].ends[i];
            int same = isnan(want) ? isnan(y)
                                   : signbit(y) == signbit(want) &&
                                         (y == want || fabs(y - want) <= 0x1p-41 * fabs(want));
            if (!same)
                fail_msg("%s(%g) is %a, expected %a", table[r].name, x[i], y, want);
        }
    }
}

/* pairs: the product against a fused multiply-add, the logarithm against 90 digits */
static void test_products(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int i = 0; i < 100000; i++) {
        double a = uniform(&seed, -4, 4), b = uniform(&seed, -1000, 1000);
        float f = (float)b;
        pair ab = two_product(a - (vd){0}, b - (vd){0}), af = two_product(a - (vd){0}, f - (vd){0});
        assert_true(ab.hi[0] == a * b && af.hi[0] == a * f);
        assert_true(af.lo[0] == fma(a, f, -af.hi[0]));
        assert_true(fabs(ab.lo[0] - fma(a, b, -ab.hi[0])) <= 0x1p-102 * fabs(a * b));
    }
}

/* clang-format off */
static const struct {
    double x, hi, lo; /* ln x = hi + lo */
} logs[] = {
    {0x1.47ae147ae147bp-7, -0x1.26bb1bbb55515p+2, -0x1.f3752b6b15c17p-52},
    {0x1.3333333333333p-2, -0x1.34378fcbda721p+0, 0x1.9c1404e27f13dp-54},
    {0x1.6a09e667f3bcdp-1, -0x1.62e42fefa39eep-2, 0x1.716fdfdbc882ep-60},
    {0x1.fffffffffffffp-1, -0x1.0000000000000p-53, -0x1.0000000000000p-107},
    {0x1.8000000000000p+0, 0x1.9f323ecbf984cp-2, -0x1.a92e513217f5cp-59},
    {0x1.8000000000000p+1, 0x1.193ea7aad030bp+0, -0x1.a256f99caabebp-54},
    {0x1.d000000000000p+2, 0x1.fb22e98a1c24ep+0, 0x1.1550131db6cfbp-54},
    {0x1.9000000000000p+6, 0x1.26bb1bbb55516p+2, -0x1.f48ad494ea3e9p-52},
    {0x1.56e1fc2f8f359p-997, -0x1.5963447f87fb5p+9, -0x1.aa670d35324e6p-46},
    {0x1.7e43c8800759cp+996, 0x1.5963447f87fb5p+9, 0x1.abccc0710fcd4p-46},
};
/* clang-format on */

static void test_logs(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof logs / sizeof *logs; i++) {
        pair ln = log_pair(logs[i].x - (vd){0});
        double off = (ln.hi[0] - logs[i].hi) + (ln.lo[0] - logs[i].lo);
        if (!(fabs(off) <= 0x1p-95 * fabs(logs[i].hi)))
            fail_msg("log_pair(%a) is off by %a", logs[i].x, off);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_errors), cmocka_unit_test(test_ends),
                                       cmocka_unit_test(test_products),
                                       cmocka_unit_test(test_logs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
