/* ops_types.c - arithmetic of every whole type, against 128-bit numbers cut to the type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph/eval.h"
#include "math/element.h"
#include "ops/ops.h"

typedef __int128 wide;

static const ax_dtype types[] = {AX_I8, AX_I16, AX_I32, AX_I64, AX_U8, AX_U16, AX_U32, AX_U64};
enum { TYPES = sizeof types / sizeof *types, N = 11 };

/* Element i as the number it is. */
static wide at(const ax_tensor *t, int64_t i)
{
    int64_t v = ax_whole_read(t->dtype, t->data, i);
    return t->dtype == AX_U64 ? (wide)(uint64_t)v : (wide)v;
}

/* v modulo 2^bits, in the range of the type. */
static wide cut(ax_dtype t, wide v)
{
    wide size = (wide)1 << 8 * ax_dtype_size(t), r = v % size;
    r += r < 0 ? size : 0;
    return r > (wide)ax_dtype_high(t) ? r - size : r;
}

/* What is near the ends of the type, and near 0. */
static void fill(ax_tensor *t, uint64_t *room)
{
    int64_t low = ax_dtype_low(t->dtype), high = (int64_t)ax_dtype_high(t->dtype);
    const int64_t v[N] = {0, 1, 2, 7, low, low + 1, low + 3, high, high - 1, high - 6, high / 2};
    t->shape = AX_SHAPE(N);
    t->data = room;
    for (int i = 0; i < N; i++)
        ax_whole_write(t->dtype, room, i, v[i]);
}

static ax_tensor run(const ax_op *op, const void *attr, const ax_tensor *in, int n, ax_arena *mem)
{
    ax_tensor out[AX_MAX_OUT];
    ax_err err = {0};
    if (ax_op_eval(op, "", attr, in, n, out, mem, &err))
        fail_msg("%s: %s", op->name, err.msg);
    return out[0];
}

static wide floor_mod(wide a, wide b)
{
    wide r = a % b;
    return r && (r < 0) != (b < 0) ? r + b : r;
}

static wide expected(ax_binary_kind kind, ax_dtype t, wide a, wide b)
{
    switch (kind) {
    case AX_BINARY_ADD:
        return cut(t, a + b);
    case AX_BINARY_SUB:
        return cut(t, a - b);
    case AX_BINARY_MUL: /* 128 bits of an uint64 square have no sign */
        return cut(t, (wide)((unsigned __int128)a * (unsigned __int128)b & (UINT64_MAX)));
    case AX_BINARY_DIV:
        return b ? cut(t, a / b) : 0;
    case AX_BINARY_MIN:
        return a < b ? a : b;
    case AX_BINARY_MAX:
        return a > b ? a : b;
    case AX_BINARY_MOD:
        return b ? floor_mod(a, b) : 0;
    case AX_BINARY_FMOD:
        return b ? a % b : 0;
    case AX_BINARY_EQUAL:
        return a == b;
    case AX_BINARY_LESS:
        return a < b;
    default:
        return a <= b;
    }
}

static void pairs(void **state)
{
    static const ax_binary_kind kinds[] = {AX_BINARY_ADD,  AX_BINARY_SUB,       AX_BINARY_MUL,
                                           AX_BINARY_DIV,  AX_BINARY_MIN,       AX_BINARY_MAX,
                                           AX_BINARY_MOD,  AX_BINARY_FMOD,      AX_BINARY_EQUAL,
                                           AX_BINARY_LESS, AX_BINARY_LESS_EQUAL};
    (void)state;
    for (int k = 0; k < TYPES; k++)
        for (size_t op = 0; op < sizeof kinds / sizeof *kinds; op++) {
            uint64_t room[N];
            ax_arena mem;
            ax_arena_init(&mem, 0);
            ax_tensor x = {types[k], {0}, NULL}, in[2];
            fill(&x, room);
            in[0] = in[1] = x;
            in[0].shape = AX_SHAPE(N, 1);
            ax_tensor y = run(&ax_op_binary, &(ax_binary_attr){kinds[op]}, in, 2, &mem);
            for (int i = 0; i < N * N; i++) {
                wide a = at(&x, i / N), b = at(&x, i % N),
                     want = expected(kinds[op], x.dtype, a, b);
                if (at(&y, i) != want)
                    fail_msg("%s, kind %d of %lld and %lld: %lld, expected %lld",
                             ax_dtype_name(x.dtype), (int)kinds[op], (long long)a, (long long)b,
                             (long long)at(&y, i), (long long)want);
            }
            ax_arena_fini(&mem);
        }
}

static void powers(void **state)
{
    (void)state;
    for (int k = 0; k < TYPES; k++) {
        uint64_t room[N], exponents[4];
        ax_arena mem;
        ax_arena_init(&mem, 0);
        ax_tensor x = {types[k], {0}, NULL}, e = {types[k], AX_SHAPE(4), exponents}, in[2];
        fill(&x, room);
        for (int i = 0; i < 4; i++)
            ax_whole_write(e.dtype, exponents, i, (const int64_t[]){0, 1, 2, 13}[i]);
        in[0] = x;
        in[0].shape = AX_SHAPE(N, 1);
        in[1] = e;
        ax_tensor y = run(&ax_op_binary, &(ax_binary_attr){AX_BINARY_POW}, in, 2, &mem);
        for (int i = 0; i < N * 4; i++) {
            wide want = 1;
            for (int64_t j = 0; j < (int64_t)at(&e, i % 4); j++)
                want = expected(AX_BINARY_MUL, x.dtype, want, at(&x, i / 4));
            assert_true(at(&y, i) == want);
        }
        ax_arena_fini(&mem);
    }
}

/* What the reduction of the whole of x is. */
static wide reduced(ax_reduce_kind kind, const ax_tensor *x)
{
    ax_dtype t = x->dtype;
    wide sum = kind == AX_REDUCE_PROD, best = at(x, 0);
    for (int i = 0; i < N; i++) {
        wide v = at(x, i), size = v < 0 ? -v : v;
        sum = kind == AX_REDUCE_PROD         ? expected(AX_BINARY_MUL, t, sum, v)
              : kind == AX_REDUCE_SUM_SQUARE ? cut(t, sum + expected(AX_BINARY_MUL, t, v, v))
              : kind == AX_REDUCE_L1         ? cut(t, sum + size)
                                             : cut(t, sum + v);
        best = (kind == AX_REDUCE_MAX ? v > best : v < best) ? v : best;
    }
    return kind == AX_REDUCE_MAX || kind == AX_REDUCE_MIN ? best : sum;
}

static void reductions(void **state)
{
    static const ax_reduce_kind kinds[] = {AX_REDUCE_SUM,  AX_REDUCE_MAX, AX_REDUCE_MIN,
                                           AX_REDUCE_PROD, AX_REDUCE_L1,  AX_REDUCE_SUM_SQUARE};
    (void)state;
    for (int k = 0; k < TYPES; k++)
        for (size_t op = 0; op < sizeof kinds / sizeof *kinds; op++) {
            uint64_t room[N];
            ax_arena mem;
            ax_arena_init(&mem, 0);
            ax_tensor x = {types[k], {0}, NULL};
            fill(&x, room);
            ax_tensor y =
                run(&ax_op_reduce, &(ax_reduce_attr){.kind = kinds[op], .axes = 1}, &x, 1, &mem);
            if (at(&y, 0) != reduced(kinds[op], &x))
                fail_msg("%s, kind %d", ax_dtype_name(x.dtype), (int)kinds[op]);
            y = run(&ax_op_reduce, &(ax_reduce_attr){.kind = AX_REDUCE_ARG_MAX, .axes = 1}, &x, 1,
                    &mem);
            assert_int_equal(at(&y, 0), 7);
            ax_arena_fini(&mem);
        }
}

static void of_one(void **state)
{
    (void)state;
    for (int k = 0; k < TYPES; k++) {
        uint64_t room[N];
        ax_arena mem;
        ax_arena_init(&mem, 0);
        ax_tensor x = {types[k], {0}, NULL};
        fill(&x, room);
        ax_tensor abs = run(&ax_op_unary, &(ax_unary_attr){ax_unary_find("Abs")}, &x, 1, &mem),
                  neg = run(&ax_op_unary, &(ax_unary_attr){ax_unary_find("Neg")}, &x, 1, &mem),
                  sign = run(&ax_op_unary, &(ax_unary_attr){ax_unary_find("Sign")}, &x, 1, &mem),
                  sums = run(&ax_op_cumsum, &(ax_cumsum_attr){0}, &x, 1, &mem);
        wide sum = 0;
        for (int i = 0; i < N; i++) {
            wide v = at(&x, i);
            sum = cut(x.dtype, sum + v);
            assert_true(at(&abs, i) == cut(x.dtype, v < 0 ? -v : v));
            assert_true(at(&neg, i) == cut(x.dtype, -v));
            assert_true(at(&sign, i) == (v > 0) - (v < 0));
            assert_true(at(&sums, i) == sum);
        }
        ax_arena_fini(&mem);
    }
}

/* From every type to every other: whole numbers wrap, real ones are cut off and clamped. */
static void casts(void **state)
{
    (void)state;
    for (int k = 0; k < TYPES; k++)
        for (int to = 0; to < AX_DTYPES; to++) {
            uint64_t room[N];
            ax_arena mem;
            ax_arena_init(&mem, 0);
            ax_tensor x = {types[k], {0}, NULL};
            fill(&x, room);
            ax_tensor y = run(&ax_op_cast, &(ax_cast_attr){.to = (ax_dtype)to}, &x, 1, &mem);
            for (int i = 0; i < N; i++) {
                wide v = at(&x, i);
                int same = to == AX_F32    ? ((float *)y.data)[i] == (float)v
                           : to == AX_F64  ? ((double *)y.data)[i] == (double)v
                           : to == AX_BOOL ? at(&y, i) == (v != 0)
                                           : at(&y, i) == cut((ax_dtype)to, v);
                if (!same)
                    fail_msg("%s %lld as %s", ax_dtype_name(types[k]), (long long)v,
                             ax_dtype_name((ax_dtype)to));
            }
            ax_arena_fini(&mem);
        }
}

static void casts_of_floats(void **state)
{
    double x[N] = {0.9, -0.9, 1e30, -1e30, INFINITY, -INFINITY, NAN, 3, -3, 127.99, 0x1p63};
    ax_tensor in = {AX_F64, AX_SHAPE(N), x};
    (void)state;
    for (int k = 0; k < TYPES; k++) {
        ax_arena mem;
        ax_arena_init(&mem, 0);
        double low = (double)ax_dtype_low(types[k]), high = (double)ax_dtype_high(types[k]);
        ax_tensor y = run(&ax_op_cast, &(ax_cast_attr){.to = types[k]}, &in, 1, &mem);
        for (int i = 0; i < N; i++) {
            double v = trunc(x[i]);
            wide want = isnan(v)    ? 0
                        : v <= low  ? (wide)ax_dtype_low(types[k])
                        : v >= high ? (wide)ax_dtype_high(types[k])
                                    : (wide)v;
            assert_true(at(&y, i) == want);
        }
        ax_arena_fini(&mem);
    }
}

/* Indices that only a run can see: taken at the end of the axis, put nowhere. */
static void indices_beyond(void **state)
{
    float x[] = {1, 2, 3}, update[] = {7, 8, 9};
    int64_t at[] = {3, -4, -1}, tuple[] = {INT64_MAX, INT64_MIN, 1};
    ax_tensor data = {AX_F32, AX_SHAPE(3), x}, index = {AX_I64, AX_SHAPE(3), at},
              tuples = {AX_I64, AX_SHAPE(3, 1), tuple}, updates = {AX_F32, AX_SHAPE(3), update};
    static const float taken[] = {3, 1, 3}, put[] = {1, 2, 9}, named[] = {3, 1, 2},
                       put_nd[] = {1, 9, 3};
    ax_arena mem;
    (void)state;
    ax_arena_init(&mem, 0);
    const struct {
        const ax_op *op;
        const void *attr;
        const ax_tensor *at;
        const float *want;
    } cases[] = {{&ax_op_gather, &(ax_axis_attr){0}, &index, taken},
                 {&ax_op_gather_elements, &(ax_axis_attr){0}, &index, taken},
                 {&ax_op_gather_nd, &(ax_gather_nd_attr){0}, &tuples, named},
                 {&ax_op_scatter, &(ax_scatter_attr){0}, &index, put},
                 {&ax_op_scatter_nd, &(ax_scatter_attr){0}, &tuples, put_nd}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ax_tensor in[] = {data, *cases[i].at, updates};
        ax_tensor y = run(cases[i].op, cases[i].attr, in, cases[i].op->max_in, &mem);
        assert_memory_equal(y.data, cases[i].want, 3 * sizeof(float));
    }
    ax_arena_fini(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs),          cmocka_unit_test(powers),
        cmocka_unit_test(reductions),     cmocka_unit_test(of_one),
        cmocka_unit_test(casts),          cmocka_unit_test(casts_of_floats),
        cmocka_unit_test(indices_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
