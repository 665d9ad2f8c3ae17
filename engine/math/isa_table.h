/* isa_table.h - the tables of kernels, one per instruction set, and picking the active one.
 *
 * AX_ISA_TABLES(ax_conv_kernels) declares the tables the *.isa.c objects export, all of type
 * `const ax_conv_kernels`, and defines ax_conv_kernels_get(). */
#ifndef AX_MATH_ISA_TABLE_H
#define AX_MATH_ISA_TABLE_H

#include "math/cpu.h"

#if defined(__x86_64__)
#define AX_ISA_TABLES(type)                                                                        \
    extern const type type##_v2, type##_v3, type##_v4;                                             \
    static inline const type *type##_get(void)                                                     \
    {                                                                                              \
        ax_isa isa = ax_isa_active();                                                              \
        return isa == AX_ISA_V4 ? &type##_v4 : isa == AX_ISA_V3 ? &type##_v3 : &type##_v2;         \
    }
#else
#define AX_ISA_TABLES(type)                                                                        \
    extern const type type##_neon;                                                                 \
    static inline const type *type##_get(void)                                                     \
    {                                                                                              \
        return &type##_neon;                                                                       \
    }
#endif

#endif
