// Vectors of 512 bits with bf16, and what the packing of factors for vectors and for tiles shares.
#ifndef PIXNERD_TRANSPOSE_H
#define PIXNERD_TRANSPOSE_H

#if defined(__x86_64__)
#include <immintrin.h>

#define VECTORS "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"
#define WITH_VECTORS __attribute__((target(VECTORS)))
#define UNROLLED _Pragma("clang loop unroll(full)")

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

#endif
#endif
