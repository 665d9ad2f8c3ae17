/* element.h - one element of a tensor of any type, as a whole number of 64 bits or as a double.
 *
 * Whole numbers travel as int64_t: extended by their sign, and those of uint64 as the 64 bits they
 * are. So sums, products and what wraps is the same for all of them; only order, quotients and
 * doubles ask whether the type has a sign. Thread-safe. */
#ifndef AX_MATH_ELEMENT_H
#define AX_MATH_ELEMENT_H

#include "math/tensor.h"

static inline int ax_is_float(ax_dtype t)
{
    return t == AX_F32 || t == AX_F64;
}

static inline int ax_is_signed(ax_dtype t)
{
    return t == AX_I8 || t == AX_I16 || t == AX_I32 || t == AX_I64 || ax_is_float(t);
}

/* Element i of x, whole numbers or bools. */
static inline int64_t ax_whole_read(ax_dtype t, const void *x, int64_t i)
{
    switch (t) {
    case AX_I64:
    case AX_U64:
        return ((const int64_t *)x)[i];
    case AX_I32:
        return ((const int32_t *)x)[i];
    case AX_U32:
        return ((const uint32_t *)x)[i];
    case AX_I16:
        return ((const int16_t *)x)[i];
    case AX_U16:
        return ((const uint16_t *)x)[i];
    case AX_I8:
        return ((const int8_t *)x)[i];
    default:
        return ((const uint8_t *)x)[i];
    }
}

/* The low bits of v as element i; as a bool: whether v is not 0. */
static inline void ax_whole_write(ax_dtype t, void *x, int64_t i, int64_t v)
{
    switch (ax_dtype_size(t)) {
    case 8:
        ((int64_t *)x)[i] = v;
        return;
    case 4:
        ((int32_t *)x)[i] = (int32_t)v;
        return;
    case 2:
        ((int16_t *)x)[i] = (int16_t)v;
        return;
    default:
        ((uint8_t *)x)[i] = t == AX_BOOL ? v != 0 : (uint8_t)v;
    }
}

/* What a whole number of the type is as a double, rounded once. */
static inline double ax_whole_real(ax_dtype t, int64_t v)
{
    return t == AX_U64 ? (double)(uint64_t)v : (double)v;
}

/* The whole number that a real one becomes: towards 0, clamped to the type, NaN to 0. */
static inline int64_t ax_whole_of(ax_dtype t, double v)
{
    double low = (double)ax_dtype_low(t), high = (double)ax_dtype_high(t);
    return v != v      ? 0
           : v <= low  ? ax_dtype_low(t)
           : v >= high ? (int64_t)ax_dtype_high(t)
           : v < 0     ? (int64_t)v
                       : (int64_t)(uint64_t)v;
}

/* Does the type hold this whole number, given as sign and magnitude? */
static inline int ax_whole_fits(ax_dtype t, int negative, uint64_t magnitude)
{
    return negative ? magnitude <= 0 - (uint64_t)ax_dtype_low(t) : magnitude <= ax_dtype_high(t);
}

/* Element i of x, of any type. */
static inline double ax_real_read(ax_dtype t, const void *x, int64_t i)
{
    return t == AX_F32   ? (double)((const float *)x)[i]
           : t == AX_F64 ? ((const double *)x)[i]
                         : ax_whole_real(t, ax_whole_read(t, x, i));
}

/* v, rounded, as element i of floats. */
static inline void ax_real_write(ax_dtype t, void *x, int64_t i, double v)
{
    if (t == AX_F32)
        ((float *)x)[i] = (float)v;
    else
        ((double *)x)[i] = v;
}

#endif
