/* simd.h - the words kernels (*.isa.c) are written in: vectors of AX_VL floats in GCC/clang vector
 * extensions, and the name of the table a source exports for the instruction set it is compiled for.
 *
 * Loads and stores go through vfu, which may lie anywhere: on today's cores an unaligned instruction
 * at an aligned address costs nothing, and a misaligned buffer is slower instead of fatal. */
#ifndef AX_MATH_SIMD_H
#define AX_MATH_SIMD_H

#include <stdint.h>

typedef float vf __attribute__((vector_size(AX_VL * 4)));
typedef int32_t vi __attribute__((vector_size(AX_VL * 4)));
typedef float vfu __attribute__((vector_size(AX_VL * 4), aligned(4), may_alias));
/* half as many, for sums made in double */
typedef float vh __attribute__((vector_size(AX_VL * 2), aligned(4), may_alias));
typedef double vd __attribute__((vector_size(AX_VL * 4)));
typedef double vdu __attribute__((vector_size(AX_VL * 4), aligned(8), may_alias));

#define AX_CAT2(a, b) a##_##b
#define AX_CAT(a, b) AX_CAT2(a, b)
/* AX_TABLE(ax_conv_kernels) is ax_conv_kernels_v3 when compiled for v3 */
#define AX_TABLE(name) AX_CAT(name, AX_ISA)

#define AX_INLINE static inline __attribute__((always_inline))
/* AX_TILE: a function that holds its numbers in registers. AX_UNROLL: unroll a loop whose count is known
 * once the function around it is inlined. Sanitizer builds (AX_ROLLED) leave loops and calls as they
 * are written: the same tiles, which unrolled and instrumented would take minutes to compile. */
#ifdef AX_ROLLED
#define AX_TILE static __attribute__((noinline))
#define AX_UNROLL
#elif defined(__clang__)
#define AX_TILE AX_INLINE
#define AX_UNROLL _Pragma("clang loop unroll(full)")
#else
#define AX_TILE AX_INLINE
#define AX_UNROLL _Pragma("GCC unroll 64")
#endif

AX_INLINE vf vf_load(const float *p)
{
    return *(const vfu *)p;
}

AX_INLINE void vf_store(float *p, vf v)
{
    *(vfu *)p = v;
}

/* max(0, v): NaN and -0 stay as they are */
AX_INLINE vf vf_relu(vf v)
{
    return (vf)((vi)v & ~(v < (vf){0}));
}

#endif
