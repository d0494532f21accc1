// Which of the kernels' variants this processor runs.
#include "CPixNerdKernels.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

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
    // The system must save the tiles of a process, too (bits 17 and 18 of XCR0, which it may be asked for where bit 27 is set).
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

const char *pn_instruction_set(void) {
#if defined(__x86_64__)
    if (pn_processor_has_avx512()) {
        return pn_processor_has_bfloat16() ? "x86-64-v4 (AVX-512, bf16)" : "x86-64-v4 (AVX-512)";
    }
    if (pn_processor_has_avx2()) return "x86-64-v3 (AVX2, FMA)";
    return "x86-64 (SSE2)";
#elif defined(__aarch64__)
    return "arm64 (NEON)";
#else
    return "portable";
#endif
}
