/* cpu.h - which instruction sets this machine has, and which kernels were chosen.
 *
 * Kernel sources named *.isa.c are compiled once per instruction set and export one table each;
 * every family indexes its tables by ax_isa_active(). AXON_ISA=v2|v3|v4|neon forces a
 * lower one (one that the machine lacks is refused by the program at its start). Thread-safe. */
#ifndef AX_MATH_CPU_H
#define AX_MATH_CPU_H

#include "base/err.h"

typedef enum ax_isa { AX_ISA_V2, AX_ISA_V3, AX_ISA_V4, AX_ISA_NEON, AX_ISAS } ax_isa;

/* The instruction set in use: the best one, or the one forced. */
ax_isa ax_isa_active(void);
const char *ax_isa_name(ax_isa isa);
/* Non-zero when this machine can run it. */
int ax_isa_supported(ax_isa isa);
/* Force one (tests, benchmarks; AXON_ISA is read once, at first use). Not while kernels run. */
int ax_isa_force(const char *name, ax_err *err);

#endif
