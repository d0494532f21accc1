// What this processor can do, and which variants of the kernels it runs.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CPixNerdKernels.h"
#include "level.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

int pn_kernel_level = level_v1;
bool pn_has_bfloat16_kernels = false;
bool pn_has_tiles = false;
bool pn_tiles_are_emulated = false;
bool pn_has_int8 = false;
bool pn_has_int8_tiles = false;

// What is wrong with PIXNERD_ISA; empty where nothing is.
static char problem[160];

// Why tiles that the processor has are not used; empty where there is no reason.
static char tile_problem[160];

#if defined(__x86_64__)
static int best_level(void) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("x86-64-v4")) return level_v4;
    return __builtin_cpu_supports("x86-64-v3") ? level_v3 : level_v1;
}

// The level that PIXNERD_ISA names, or `best`; whether it asks for no tiles, or for emulated ones.
static int wanted_level(int best, bool *refuses_tiles, bool *emulates_tiles) {
    static const char *const names[] = {[level_v1] = "x86-64", [level_v3] = "x86-64-v3", [level_v4] = "x86-64-v4"};
    const char *name = getenv("PIXNERD_ISA");
    if (name == NULL || name[0] == 0) return best;
    *refuses_tiles = true;
    if (strcmp(name, "x86-64-v4+emulated-tiles") == 0 && best == level_v4 && pn_processor_has_bfloat16()) {
        *emulates_tiles = true;
        return best;
    }
    for (int level = level_v1; level <= level_v4; level++) {
        if (strcmp(name, names[level]) != 0) continue;
        if (level <= best) return level;
        snprintf(problem, sizeof problem, "PIXNERD_ISA is %s; this processor supports at most %s", name, names[best]);
        *refuses_tiles = false;
        return best;
    }
    snprintf(problem, sizeof problem, "PIXNERD_ISA is %.64s; expected x86-64, x86-64-v3 or x86-64-v4", name);
    *refuses_tiles = false;
    return best;
}

static bool has_int8_tiles(void) {
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & bit_AMXINT8);
}

// Asks Linux to save this process's tiles: the tile data of ARCH_REQ_XCOMP_PERM, see the kernel's
// Documentation/arch/x86/xstate.rst.
static bool permits_tiles(void) {
#if defined(SYS_arch_prctl)
    enum { request_permission = 0x1023, tile_data = 18 };
    if (syscall(SYS_arch_prctl, request_permission, tile_data) == 0) return true;
    snprintf(tile_problem, sizeof tile_problem, "Linux does not permit tiles (%s)", strerror(errno));
#endif
    return false;
}

// Runs before main, so that no other thread changes the environment meanwhile.
__attribute__((constructor)) static void choose_level(void) {
    bool refuses_tiles = false;
    pn_kernel_level = wanted_level(best_level(), &refuses_tiles, &pn_tiles_are_emulated);
    pn_has_bfloat16_kernels = pn_kernel_level == level_v4 && pn_processor_has_bfloat16();
    if (!pn_has_bfloat16_kernels) return;
    pn_has_tiles = pn_tiles_are_emulated || (!refuses_tiles && pn_processor_has_bfloat16_tiles() && permits_tiles());
    pn_has_int8_tiles = pn_has_tiles && !pn_tiles_are_emulated && has_int8_tiles();
    pn_has_int8 = pn_has_int8_tiles || __builtin_cpu_supports("avx512vnni");
}
#else
__attribute__((constructor)) static void check_level(void) {
    const char *name = getenv("PIXNERD_ISA");
    if (name == NULL || name[0] == 0) return;
    snprintf(problem, sizeof problem, "PIXNERD_ISA is %.64s; only x86-64 has levels to choose from", name);
}
#endif

const char *pn_isa_problem(void) { return problem[0] ? problem : NULL; }

const char *pn_tile_problem(void) { return tile_problem[0] ? tile_problem : NULL; }

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

bool pn_kernels_have_tiles(void) { return pn_has_tiles; }

bool pn_kernels_have_int8(void) { return pn_has_int8; }

const char *pn_instruction_set(void) {
#if defined(__x86_64__)
    if (pn_tiles_are_emulated) return "x86-64-v4 (AVX-512, bf16, emulated tiles)";
    if (pn_has_tiles) return "x86-64-v4 (AVX-512, bf16, AMX)";
    if (pn_has_bfloat16_kernels) return "x86-64-v4 (AVX-512, bf16)";
    if (pn_kernel_level == level_v4) return "x86-64-v4 (AVX-512)";
    return pn_kernel_level == level_v3 ? "x86-64-v3 (AVX2, FMA)" : "x86-64 (SSE2)";
#elif defined(__aarch64__)
    return "arm64 (NEON)";
#else
    return "portable";
#endif
}
