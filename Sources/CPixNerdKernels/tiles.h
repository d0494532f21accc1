// What the files of tile kernels share: the instructions, and vectors of bf16 numbers.
#ifndef PIXNERD_TILES_PRIVATE_H
#define PIXNERD_TILES_PRIVATE_H

#include <stdint.h>
#include <string.h>

#include "CPixNerdKernels.h"
#include "level.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define VECTORS "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"
#define WITH_VECTORS __attribute__((target(VECTORS)))
#define WITH_TILES __attribute__((target(VECTORS ",amx-tile,amx-bf16")))
#define UNROLLED _Pragma("clang loop unroll(full)")

enum { tile_rows = 16, tile_elements = 512 };

// Ends the program where a caller has not asked pn_kernels_have_tiles.
static inline void require_tiles(void) {
    if (!pn_has_tiles) __builtin_trap();
}

static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t parts(size_t whole, size_t part) { return (whole + part - 1) / part; }

// Thirty-two bf16 numbers of a matrix; zero where the mask is not set.
static inline __attribute__((always_inline)) WITH_VECTORS __m512i
load_32(const void *numbers, size_t at, bool is_float, __mmask32 mask) {
    if (!is_float) return _mm512_maskz_loadu_epi16(mask, (const uint16_t *)numbers + at);
    const float *from = (const float *)numbers + at;
    return (__m512i)_mm512_cvtne2ps_pbh(
        _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), from + 16), _mm512_maskz_loadu_ps((__mmask16)mask, from));
}

static inline __mmask32 first_32(size_t count) { return count >= 32 ? 0xffffffffu : ((uint32_t)1 << count) - 1; }
static inline __mmask16 first_16(size_t count) { return count >= 16 ? 0xffff : (__mmask16)((1u << count) - 1); }

// Transposes 16 x 16 numbers of 32 bits.
static inline __attribute__((always_inline)) WITH_VECTORS void transpose_16(__m512i r[16]) {
    __m512i t[16];
    UNROLLED
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    UNROLLED
    for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    UNROLLED
    for (int i = 0; i < 16; i += 8) {
        UNROLLED
        for (int j = 0; j < 4; j++) {
            t[i + j] = _mm512_shuffle_i32x4(r[i + j], r[i + j + 4], 0x88);
            t[i + j + 4] = _mm512_shuffle_i32x4(r[i + j], r[i + j + 4], 0xdd);
        }
    }
    UNROLLED
    for (int j = 0; j < 8; j++) {
        r[j] = _mm512_shuffle_i32x4(t[j], t[j + 8], 0x88);
        r[j + 8] = _mm512_shuffle_i32x4(t[j], t[j + 8], 0xdd);
    }
}

// e^x to about 2 units in the last place, for -87 <= x <= 88. See fast_exp in kernel.h.
static inline __attribute__((always_inline)) WITH_VECTORS __m512 exp_16(__m512 x) {
    const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(0x1.715476p+0f)), 8);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.62e4p-1f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.7f7d1cp-20f), r);
    __m512 q = _mm512_set1_ps(0x1.6a2432p-10f);
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0x1.1239e2p-7f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0x1.5558f2p-5f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0x1.555492p-3f));
    q = _mm512_fmadd_ps(q, r, _mm512_set1_ps(0x1.fffffcp-2f));
    const __m512 value = _mm512_fmadd_ps(_mm512_mul_ps(r, r), q, _mm512_add_ps(r, _mm512_set1_ps(1)));
    return _mm512_scalef_ps(value, n);
}

// 1 / (1 + e^-x), by an approximate reciprocal and one step of Newton's method.
static inline __attribute__((always_inline)) WITH_VECTORS __m512 sigmoid_16(__m512 x) {
    const __m512 bound = _mm512_set1_ps(87);
    // NaN passes: both instructions return their second operand then.
    const __m512 minus = _mm512_max_ps(
        _mm512_set1_ps(-87), _mm512_min_ps(bound, _mm512_xor_ps(x, _mm512_set1_ps(-0.0f))));
    const __m512 d = _mm512_add_ps(exp_16(minus), _mm512_set1_ps(1));
    const __m512 y = _mm512_rcp14_ps(d);
    return _mm512_mul_ps(y, _mm512_fnmadd_ps(d, y, _mm512_set1_ps(2)));
}

static inline __attribute__((always_inline)) WITH_VECTORS __m512 silu_16(__m512 x) {
    return _mm512_mul_ps(x, sigmoid_16(x));
}

#endif
#endif
