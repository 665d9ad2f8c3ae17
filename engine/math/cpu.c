/* cpu.c - what this processor can run, asked once.
 *
 * The x86-64 levels are the psABI's: every feature of the level counts, not only the famous one,
 * because the compiler uses all of them. */
#include "math/cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static const char *const names[AX_ISAS] = {
    [AX_ISA_V2] = "v2", [AX_ISA_V3] = "v3", [AX_ISA_V4] = "v4", [AX_ISA_NEON] = "neon"};

static _Atomic int active = -1; /* written once with the best, or by ax_isa_force */

#if defined(__x86_64__)
/* Bits that __builtin_cpu_supports of older compilers has no name for. */
static int cpuid_ecx(unsigned leaf, unsigned bits)
{
    unsigned a, b, c, d;
    return __get_cpuid(leaf, &a, &b, &c, &d) && (c & bits) == bits;
}

static int has_v2(void)
{
    return __builtin_cpu_supports("sse3") && __builtin_cpu_supports("ssse3") &&
           __builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("sse4.2") &&
           __builtin_cpu_supports("popcnt") && cpuid_ecx(1, bit_CMPXCHG16B) &&
           cpuid_ecx(0x80000001, bit_LAHF_LM);
}

/* The builtin checks that the system saves the wide registers (OSXSAVE, XCR0). */
static int has_v3(void)
{
    return has_v2() && __builtin_cpu_supports("avx") && __builtin_cpu_supports("avx2") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("fma") && cpuid_ecx(1, bit_F16C | bit_MOVBE) &&
           cpuid_ecx(0x80000001, bit_LZCNT);
}

static int has_v4(void)
{
    return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#endif

int ax_isa_supported(ax_isa isa)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    return isa == AX_ISA_V2   ? has_v2()
           : isa == AX_ISA_V3 ? has_v3()
           : isa == AX_ISA_V4 ? has_v4()
                              : 0;
#elif defined(__aarch64__)
    return isa == AX_ISA_NEON; /* part of the base architecture */
#else
#error "no kernels for this processor"
#endif
}

const char *ax_isa_name(ax_isa isa)
{
    return (unsigned)isa < AX_ISAS ? names[isa] : "unknown";
}

static ax_isa best(void)
{
#if defined(__x86_64__)
    return ax_isa_supported(AX_ISA_V4)   ? AX_ISA_V4
           : ax_isa_supported(AX_ISA_V3) ? AX_ISA_V3
                                         : AX_ISA_V2;
#else
    return AX_ISA_NEON;
#endif
}

static int find(const char *name, ax_err *err)
{
    for (int i = 0; i < AX_ISAS; i++) {
        if (strcmp(names[i], name) != 0)
            continue;
        if (ax_isa_supported((ax_isa)i))
            return i;
        ax_fail(err, AX_EUNSUPPORTED, "this processor cannot run '%s' kernels", name);
        return ax_err_hint(err, "the best it has is '%s'", names[best()]);
    }
    ax_fail(err, AX_EINVAL, "unknown instruction set '%s', expected v2, v3, v4 or neon", name);
    return -1;
}

/* Two threads may come here at once: both compute the same, the first to write wins. */
ax_isa ax_isa_active(void)
{
    int now = atomic_load_explicit(&active, memory_order_relaxed);
    if (now >= 0)
        return (ax_isa)now;
    const char *forced = getenv("AXON_ISA");
    int chosen = forced && *forced ? find(forced, NULL) : -1;
    if (chosen < 0) /* a name this machine cannot follow leaves the best one in use */
        chosen = (int)best();
    int none = -1;
    atomic_compare_exchange_strong(&active, &none, chosen);
    return (ax_isa)atomic_load(&active);
}

int ax_isa_force(const char *name, ax_err *err)
{
    int isa = find(name, err);
    if (isa < 0)
        return -1;
    atomic_store(&active, isa);
    return 0;
}
