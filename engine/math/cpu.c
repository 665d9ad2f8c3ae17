/* cpu.c - what this machine can run, and what was chosen; see cpu.h. */
#include "math/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[AX_ISAS] = {"v2", "v3", "v4", "neon"};

const char *ax_isa_name(ax_isa isa)
{
    return names[isa];
}

int ax_isa_supported(ax_isa isa)
{
#ifdef __x86_64__
    int v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
    int v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
             __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
    int v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512vl");
    return isa == AX_ISA_V2 ? v2 : isa == AX_ISA_V3 ? v3 : isa == AX_ISA_V4 ? v4 : 0;
#else
    return isa == AX_ISA_NEON;
#endif
}

static ax_isa best(void)
{
    for (int i = AX_ISA_V4; i >= 0; i--)
        if (ax_isa_supported((ax_isa)i))
            return (ax_isa)i;
    return ax_isa_supported(AX_ISA_NEON) ? AX_ISA_NEON : AX_ISA_V2;
}

static int find(const char *name)
{
    for (int i = 0; i < AX_ISAS; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

static atomic_int active = -1; /* -1: not chosen yet */

/* An AXON_ISA that is unknown or more than the machine has counts as not set. Two threads that get
 * here at once choose the same. */
static ax_isa choose(void)
{
    const char *forced = getenv("AXON_ISA");
    int isa = forced ? find(forced) : -1;
    if (isa < 0 || !ax_isa_supported((ax_isa)isa))
        isa = best();
    atomic_store_explicit(&active, isa, memory_order_relaxed);
    return (ax_isa)isa;
}

ax_isa ax_isa_active(void)
{
    int isa = atomic_load_explicit(&active, memory_order_relaxed);
    return isa >= 0 ? (ax_isa)isa : choose();
}

int ax_isa_force(const char *name, ax_err *err)
{
    int isa = find(name);
    if (isa < 0) {
        ax_fail(err, AX_ENOTFOUND, "there is no instruction set '%.20s'", name);
        return ax_err_hint(err, "there are v2, v3, v4 and neon");
    }
    if (!ax_isa_supported((ax_isa)isa))
        return ax_fail(err, AX_EUNSUPPORTED, "this machine does not have the instruction set '%s'", name);
    atomic_store_explicit(&active, isa, memory_order_relaxed);
    return 0;
}
