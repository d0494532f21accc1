// What the processor can do, and which variants of the kernels run.
#ifndef PIXNERD_KERNELS_PROCESSOR_H
#define PIXNERD_KERNELS_PROCESSOR_H

#include <stdbool.h>

// The level whose variants of the kernels run, for people to read.
//
// It is the highest level that the processor supports, and AMX, unless the environment variable PIXNERD_ISA names a
// level without it: x86-64, x86-64-v3 or x86-64-v4. x86-64-v4+emulated-tiles runs the kernels over tiles without AMX,
// for tests. It is chosen when the program starts and never changes.
const char *pn_instruction_set(void);
// Why PIXNERD_ISA could not be followed, in one clause without a full stop; NULL if it was. The highest level runs
// then.
const char *pn_isa_problem(void);
// Whether the kernels use registers of 512 bits. Follows PIXNERD_ISA.
bool pn_kernels_have_avx512(void);
// Whether the bf16 kernels may be called. Follows PIXNERD_ISA: false below x86-64-v4.
bool pn_kernels_have_bfloat16(void);
// Whether the kernels over tiles may be called. Follows PIXNERD_ISA.
bool pn_kernels_have_tiles(void);
// Whether the kernels for int8 may be called. Follows PIXNERD_ISA.
bool pn_kernels_have_int8(void);
// Why tiles (AMX) that the processor has may not be used, in one clause without a full stop; NULL if they may.
const char *pn_tile_problem(void);

// Whether the processor has AVX2 and FMA, whatever PIXNERD_ISA says, as do the next three.
bool pn_processor_has_avx2(void);
// Whether the processor has the AVX-512 extensions of x86-64-v4.
bool pn_processor_has_avx512(void);
// Whether the processor multiplies vectors of bf16 (AVX-512 BF16).
bool pn_processor_has_bfloat16(void);
// Whether the processor multiplies tiles of bf16 (AMX), which is many times as fast as vectors.
bool pn_processor_has_bfloat16_tiles(void);

// Lets the processor rest for a moment while a thread waits for another.
static inline void pn_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb");
#endif
}

#endif
