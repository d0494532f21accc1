// What this processor can do, and which variants of the kernels it runs.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CPixNerdKernels.h"
#include "level.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

int pn_kernel_level = level_v1;
bool pn_has_bfloat16_kernels = false;

// What is wrong with PIXNERD_ISA; empty where nothing is.
static char problem[160];

#if defined(__x86_64__)
static int best_level(void) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4")) return level_v4;
    return __builtin_cpu_supports("x86-64-v3") ? level_v3 : level_v1;
}

// The level that PIXNERD_ISA names, or `best`.
static int wanted_level(int best) {
    static const char *const names[] = {[level_v1] = "x86-64", [level_v3] = "x86-64-v3", [level_v4] = "x86-64-v4"};
    const char *name = getenv("PIXNERD_ISA");
    if (name == NULL || name[0] == 0) return best;
    for (int level = level_v1; level <= level_v4; level++) {
        if (strcmp(name, names[level]) != 0) continue;
        if (level <= best) return level;
        snprintf(problem, sizeof problem, "PIXNERD_ISA is %s; this processor supports at most %s", name, names[best]);
        return best;
    }
    snprintf(problem, sizeof problem, "PIXNERD_ISA is %.64s; expected x86-64, x86-64-v3 or x86-64-v4", name);
    return best;
}

// Runs before main, so that no other thread changes the environment meanwhile.
__attribute__((constructor)) static void choose_level(void) {
    pn_kernel_level = wanted_level(best_level());
    pn_has_bfloat16_kernels = pn_kernel_level == level_v4 && pn_processor_has_bfloat16();
}
#else
__attribute__((constructor)) static void check_level(void) {
    const char *name = getenv("PIXNERD_ISA");
    if (name == NULL || name[0] == 0) return;
    snprintf(problem, sizeof problem, "PIXNERD_ISA is %.64s; only x86-64 has levels to choose from", name);
}
#endif

const char *pn_isa_problem(void) { return problem[0] ? problem : NULL; }

bool pn_processor_has_bfloat16(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

bool pn_processor_has_bfloat16_tiles(void) {
#if defined(__x86_64__)
    unsigned a, b, c, d;
    // The system must save a process's tiles, too: bits 17 and 18 of XCR0, which can be read where OSXSAVE is set.
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE)) return false;
    unsigned enabled, upper;
    __asm__("xgetbv" : "=a"(enabled), "=d"(upper) : "c"(0));
    if ((enabled >> 17 & 3) != 3) return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & bit_AMXBF16);
#else
    return false;
#endif
}

bool pn_processor_has_avx512(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    return false;
#endif
}

bool pn_processor_has_avx2(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

bool pn_kernels_have_avx512(void) { return pn_kernel_level == level_v4; }

bool pn_kernels_have_bfloat16(void) { return pn_has_bfloat16_kernels; }

const char *pn_instruction_set(void) {
#if defined(__x86_64__)
    if (pn_has_bfloat16_kernels) return "x86-64-v4 (AVX-512, bf16)";
    if (pn_kernel_level == level_v4) return "x86-64-v4 (AVX-512)";
    return pn_kernel_level == level_v3 ? "x86-64-v3 (AVX2, FMA)" : "x86-64 (SSE2)";
#elif defined(__aarch64__)
    return "arm64 (NEON)";
#else
    return "portable";
#endif
}
