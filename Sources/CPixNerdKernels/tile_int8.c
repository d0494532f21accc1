// Factors in int8, and products of them: symmetric, a scale for each row and column (Jacob et al., arXiv 1712.05877,
// without zero points).
#include "tiles.h"

#if defined(__x86_64__)

#define INLINE static inline __attribute__((always_inline)) WITH_VECTORS

// Sixteen numbers of a source as floats; zero where the mask is not set.
INLINE __m512 load_16(const void *numbers, size_t at, bool is_float, __mmask16 mask) {
    if (is_float) return _mm512_maskz_loadu_ps(mask, (const float *)numbers + at);
    const __m256i bits = _mm256_maskz_loadu_epi16(mask, (const uint16_t *)numbers + at);
    return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16);
}

// The largest magnitude of a row over 127.
INLINE float scale_of(const void *numbers, size_t from, size_t inner, bool is_float) {
    __m512 most = _mm512_setzero_ps();
    for (size_t k = 0; k < inner; k += 16)
        most = _mm512_max_ps(most, _mm512_abs_ps(load_16(numbers, from + k, is_float, first_16(inner - k))));
    return _mm512_reduce_max_ps(most) / 127;
}

// Rounds the next numbers of a row, up to INT8_STEP and zeros after them.
INLINE void quantize_step(
    const void *numbers, size_t from, size_t count, bool is_float, __m512 reciprocal, int8_t *out) {
    for (size_t k = 0; k < INT8_STEP; k += 16) {
        const __mmask16 mask = k < count ? first_16(count - k) : 0;
        const __m512 x = _mm512_mul_ps(load_16(numbers, from + (k < count ? k : 0), is_float, mask), reciprocal);
        _mm_storeu_si128((__m128i *)(out + k), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x)));
    }
}

// Packs a block: rows as they are, or sixteen columns at a time with four numbers of a column as neighbours.
INLINE void pack_block(
    size_t n, size_t inner, const pn_tile_source *source, bool is_float, bool is_right, int8_t *out, float *scales) {
    for (size_t half = 0; half < TILE_BLOCK; half += tile_rows) {
        __m512 reciprocals[tile_rows];
        for (size_t i = 0; i < tile_rows; i++) {
            const bool is_there = half + i < n;
            const float scale = is_there ? scale_of(source->numbers, (half + i) * source->stride, inner, is_float) : 0;
            if (is_there) scales[half + i] = scale;
            reciprocals[i] = _mm512_set1_ps(scale > 0 ? 1 / scale : 0);
        }
        for (size_t k = 0; k < inner; k += INT8_STEP) {
            int8_t *to = out + k / INT8_STEP * step_bytes + half * INT8_STEP;
            for (size_t i = 0; i < tile_rows; i++) {
                if (half + i >= n) {
                    memset(to + i * INT8_STEP, 0, INT8_STEP);
                    continue;
                }
                quantize_step(
                    source->numbers, (half + i) * source->stride + k, least(INT8_STEP, inner - k), is_float,
                    reciprocals[i], to + i * INT8_STEP);
            }
            if (!is_right) continue;
            __m512i r[tile_rows];
            UNROLLED
            for (size_t i = 0; i < tile_rows; i++) r[i] = _mm512_loadu_si512(to + i * INT8_STEP);
            transpose_16(r);
            UNROLLED
            for (size_t i = 0; i < tile_rows; i++) _mm512_storeu_si512(to + i * INT8_STEP, r[i]);
        }
    }
}

static WITH_VECTORS void pack(
    size_t n, size_t inner, pn_tile_source source, bool is_right, void *packed, float *scales) {
    if (!pn_has_int8) __builtin_trap();
    const size_t next = source.stride * TILE_BLOCK * (source.is_float ? 4 : 2);
    int8_t *out = packed;
    for (size_t first = 0; first < n; first += TILE_BLOCK) {
        const size_t count = least(TILE_BLOCK, n - first);
        if (source.is_float) {
            pack_block(count, inner, &source, true, is_right, out, scales + first);
        } else {
            pack_block(count, inner, &source, false, is_right, out, scales + first);
        }
        out += parts(inner, INT8_STEP) * step_bytes;
        source.numbers = (const char *)source.numbers + next;
    }
}

void pn_int8_pack_left(size_t n, size_t inner, pn_tile_source source, void *packed, float *scales) {
    pack(n, inner, source, false, packed, scales);
}

void pn_int8_pack_right(size_t n, size_t inner, pn_tile_source source, void *packed, float *scales) {
    pack(n, inner, source, true, packed, scales);
}

// sum += left right, over groups of four int8. The instruction takes unsigned numbers on one side, so 128 is added to
// those on the right, and 128 times the sum of a row on the left is subtracted.
static __attribute__((target(VECTORS ",avx512vnni"))) void multiply_int8(
    emulated_tile sum, const emulated_tile left, const emulated_tile right) {
    const __m512i offset = _mm512_set1_epi32((int)0x80808080);
    __m512i columns[16];
    UNROLLED
    for (int group = 0; group < 16; group++)
        columns[group] = _mm512_xor_si512(_mm512_loadu_si512(right[group]), offset);
    for (int row = 0; row < 16; row++) {
        const __m512i numbers = _mm512_loadu_si512(left[row]);
        const int excess = _mm512_reduce_add_epi32(_mm512_dpbusd_epi32(_mm512_setzero_si512(), offset, numbers));
        __m512i even = _mm512_sub_epi32(_mm512_loadu_si512(sum[row]), _mm512_set1_epi32(excess));
        __m512i odd = _mm512_setzero_si512();
        int32_t groups[16];
        memcpy(groups, left[row], sizeof groups);
        UNROLLED
        for (int group = 0; group < 16; group += 2) {
            even = _mm512_dpbusd_epi32(even, columns[group], _mm512_set1_epi32(groups[group]));
            odd = _mm512_dpbusd_epi32(odd, columns[group + 1], _mm512_set1_epi32(groups[group + 1]));
        }
        _mm512_storeu_si512(sum[row], _mm512_add_epi32(even, odd));
    }
}

// In this order, each by itself: bodies are compiled once for each kind of tiles.
#include "tile_int8_hardware.h"

#include "tile_block_body.h"

#include "tile_product_body.h"

#include "tile_int8_vectors.h"

#include "tile_block_body.h"

#include "tile_product_body.h"

void pn_multiply_int8(const pn_tile_factors *factors, const pn_tile_result *result) {
    if (!pn_has_int8) __builtin_trap();
    (pn_has_int8_tiles ? multiply_int8_by_hardware : multiply_int8_by_vectors)(factors, result);
}
#else
// pn_kernels_have_int8 is false here.
void pn_int8_pack_left(size_t n, size_t inner, pn_tile_source source, void *packed, float *scales) { __builtin_trap(); }
void pn_int8_pack_right(size_t n, size_t inner, pn_tile_source source, void *packed, float *scales) {
    __builtin_trap();
}
#endif
