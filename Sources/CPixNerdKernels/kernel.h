// What every kernel file shares: compilation for several instruction sets, and the vectorised exponential.
#ifndef PIXNERD_KERNEL_H
#define PIXNERD_KERNEL_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "CPixNerdKernels.h"

// Each kernel is compiled for three x86-64 levels; the dynamic linker picks one when the program starts.
// The thread sanitizer's runtime is not up yet when the linker picks.
#if defined(__x86_64__) && defined(__linux__) && !__has_feature(thread_sanitizer)
#define KERNEL __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define KERNEL
#endif

#define INLINE static inline __attribute__((always_inline))

// Sums may be reassociated into vector lanes, products and sums fused. The order is fixed at compile time, so the
// same binary on the same processor gives the same bits.
#define RELAXED _Pragma("clang fp reassociate(on) contract(fast)")

// Sixteen lanes: one AVX-512 register, two AVX2 or four SSE and NEON registers.
#define VECTORIZED _Pragma("clang loop vectorize_width(16) interleave_count(2)")

// e^x to about 2 units in the last place; 0 below -87.3 and saturated above 88.
//
// x = n ln 2 + r with |r| <= ln 2 / 2. e^r is 1 + r + r^2 q(r), where q is a minimax polynomial of degree 4 that was
// fitted for relative error 3e-9; 2^n is put together in the exponent bits.
INLINE float fast_exp(float x) {
    _Pragma("clang fp contract(fast)")
    const float clamped = x < -87.3f ? -87.3f : (x > 88.0f ? 88.0f : x);
    const float n = __builtin_rintf(clamped * 0x1.715476p+0f);
    // ln 2 in two parts, so that n ln 2 is exact to well below a unit in the last place of r.
    float r = clamped - n * 0x1.62e4p-1f;
    r = r - n * 0x1.7f7d1cp-20f;
    float q = 0x1.6a2432p-10f;
    q = q * r + 0x1.1239e2p-7f;
    q = q * r + 0x1.5558f2p-5f;
    q = q * r + 0x1.555492p-3f;
    q = q * r + 0x1.fffffcp-2f;
    const float value = 1.0f + (r + r * r * q);
    union { int32_t bits; float number; } scale;
    scale.bits = ((int32_t)n + 127) << 23;
    const float result = value * scale.number;
    return x < -87.3f ? 0.0f : result;
}

// The square root without errno, which would keep loops from being vectorised.
INLINE float square_root(float x) { return __builtin_elementwise_sqrt(x); }

INLINE float fast_sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }

#endif
