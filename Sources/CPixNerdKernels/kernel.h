// What every kernel file shares: compilation for several instruction sets, pragmas for loops, and a vectorised
// exponential.
#ifndef PIXNERD_KERNEL_H
#define PIXNERD_KERNEL_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "CPixNerdKernels.h"
#include "level.h"

#define INLINE static inline __attribute__((always_inline))

// KERNEL(result, name, (parameters), (arguments)) { ... } defines an exported function. `arguments` are the names of
// the parameters.
//
// On x86-64 the body is compiled three times, once for each level of the psABI that the kernels distinguish, and the
// function calls the variant for `pn_kernel_level`. Helpers that are INLINE are compiled with the body's instructions.
//
// The levels are spelled as features, since `arch=x86-64-v4` would also tune for processors that prefer 256 bits.
#if defined(__x86_64__)
#define FEATURES_V3 "avx2,bmi,bmi2,crc32,cx16,f16c,fma,lzcnt,movbe,popcnt,sahf,xsave"
#define LEVEL_V3 __attribute__((target(FEATURES_V3)))
#define LEVEL_V4 __attribute__((target(FEATURES_V3 ",avx512f,avx512bw,avx512cd,avx512dq,avx512vl")))
#define KERNEL(result, name, parameters, arguments) \
    INLINE result name##_body parameters; \
    static result name##_v1 parameters { return name##_body arguments; } \
    static LEVEL_V3 result name##_v3 parameters { return name##_body arguments; } \
    static LEVEL_V4 result name##_v4 parameters { return name##_body arguments; } \
    result name parameters { \
        switch (pn_kernel_level) { \
        case level_v4: return name##_v4 arguments; \
        case level_v3: return name##_v3 arguments; \
        default: return name##_v1 arguments; \
        } \
    } \
    INLINE result name##_body parameters
#else
#define KERNEL(result, name, parameters, arguments) result name parameters
#endif

// Sums may be reassociated into vector lanes, multiplications and additions fused. The order is fixed at compile time,
// so the same binary at the same level gives the same bits.
#define RELAXED _Pragma("clang fp reassociate(on) contract(fast)")

// Sixteen lanes: one AVX-512 register, two AVX2 or four SSE and NEON registers.
#define VECTORIZED _Pragma("clang loop vectorize_width(16) interleave_count(2)")

INLINE size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// The sum of `term` over `index` in 0 ..< count, as a double. Blocks of 4096 are summed in float lanes and the blocks
// in double: fast, and accurate enough for millions of values. Use it in a function that is RELAXED.
enum { sum_block = 4096 };
#define SUM_IN_BLOCKS(count, index, term) \
    ({ \
        double total_of_blocks = 0; \
        for (size_t block_start = 0; block_start < (count); block_start += sum_block) { \
            const size_t block_end = smaller(block_start + sum_block, (count)); \
            float block_sum = 0; \
            VECTORIZED \
            for (size_t index = block_start; index < block_end; index++) block_sum += (term); \
            total_of_blocks += (double)block_sum; \
        } \
        total_of_blocks; \
    })

// e^x to about 2 units in the last place; 0 below -87.3, saturated above 88, NaN for NaN.
//
// x = n ln 2 + r with |r| <= ln 2 / 2. e^r is 1 + r + r^2 q(r), where q is a minimax polynomial of degree 4, fitted for
// a relative error of 3e-9; 2^n is assembled in the exponent bits.
INLINE float fast_exp(float x) {
    _Pragma("clang fp contract(fast)") const float clamped = x < -87.3f ? -87.3f : (x > 88.0f ? 88.0f : x);
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
    // The low bits of n + 1.5 2^23 are n. A conversion to an integer would be undefined for NaN.
    union {
        float number;
        uint32_t bits;
    } scale = {n + 0x1.8p23f};
    scale.bits = (scale.bits + 127u) << 23;
    const float result = value * scale.number;
    return x < -87.3f ? 0.0f : result;
}

// The square root without errno, which would prevent loops from being vectorised.
INLINE float square_root(float x) { return __builtin_elementwise_sqrt(x); }

// 1 / sqrt(mean(x^2) + epsilon), given the sum of the squares of `width` numbers x.
INLINE float reciprocal_rms(float sum_of_squares, size_t width, float epsilon) {
    RELAXED
    return 1.0f / square_root(sum_of_squares / (float)width + epsilon);
}

INLINE float fast_sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }

#endif
