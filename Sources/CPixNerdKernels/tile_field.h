// What the passes of the field share: the layout of their scratch memory, and vectors of normalised states and weights.
#ifndef PIXNERD_TILE_FIELD_PRIVATE_H
#define PIXNERD_TILE_FIELD_PRIVATE_H

#include "tile_result.h"

#if defined(__x86_64__)

#define INLINE static inline __attribute__((always_inline)) WITH_VECTORS

// Scratch memory. `left` and `hidden_left` are blocks of TILE_BLOCK pixels packed as left factors; rows of the other
// bf16 matrices are padded.
typedef struct {
    // W1 and W2 as right factors
    uint16_t *first, *second;
    // W1 and W2, transposed, as right factors
    uint16_t *first_transposed, *second_transposed;
    uint16_t *left, *hidden_left;
    // [pixels, width]: RMSNorm(state), and the derivative by the state after the block
    uint16_t *normalized, *upstream;
    // [pixels, inner]: silu(h), silu'(h), and the derivative by h
    uint16_t *activated, *slope, *hidden_gradient;
    // Packed factors of the derivatives by the weights, and these derivatives before those of the normalisation
    uint16_t *packed_left, *packed_right;
    float *matrix_gradient;
    // One over the norms of the columns of W1 and W2
    float *first_reciprocals, *second_reciprocals;
    // [TILE_BLOCK, width]
    float *normalized_gradient;
} field_room;

// Divides scratch memory. Returns how many bytes that takes.
static inline size_t divide_room(const pn_tile_field *f, float *scratch, field_room *room) {
    uintptr_t from = (uintptr_t)scratch;
    const size_t width = padded(f->width), inner = padded(f->inner), pixels = padded(f->pixels);
    const size_t matrix = width * inner * sizeof(uint16_t);
    room->first = taken(&from, matrix);
    room->second = taken(&from, matrix);
    room->first_transposed = taken(&from, matrix);
    room->second_transposed = taken(&from, matrix);
    room->left = taken(&from, TILE_BLOCK * width * sizeof(uint16_t));
    room->hidden_left = taken(&from, TILE_BLOCK * inner * sizeof(uint16_t));
    room->normalized = taken(&from, pixels * width * sizeof(uint16_t));
    room->upstream = taken(&from, pixels * width * sizeof(uint16_t));
    room->activated = taken(&from, pixels * inner * sizeof(uint16_t));
    room->slope = taken(&from, pixels * inner * sizeof(uint16_t));
    room->hidden_gradient = taken(&from, pixels * inner * sizeof(uint16_t));
    const size_t longest = (width > inner ? width : inner) * pixels * sizeof(uint16_t);
    room->packed_left = taken(&from, longest);
    room->packed_right = taken(&from, longest);
    room->matrix_gradient = taken(&from, width * inner * sizeof(float));
    room->first_reciprocals = taken(&from, inner * sizeof(float));
    room->second_reciprocals = taken(&from, width * sizeof(float));
    room->normalized_gradient = taken(&from, TILE_BLOCK * width * sizeof(float));
    return from - (uintptr_t)scratch;
}

// Two vectors of floats of a row; zero where the mask is not set.
INLINE row_of_sums load_row(const float *from, __mmask32 mask) {
    return (row_of_sums){
        _mm512_maskz_loadu_ps((__mmask16)mask, from), _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), from + 16)};
}

INLINE void store_row(float *to, __mmask32 mask, row_of_sums x) {
    _mm512_mask_storeu_ps(to, (__mmask16)mask, x.first);
    _mm512_mask_storeu_ps(to + 16, (__mmask16)(mask >> 16), x.second);
}

INLINE row_of_sums times(row_of_sums a, row_of_sums b) {
    return (row_of_sums){_mm512_mul_ps(a.first, b.first), _mm512_mul_ps(a.second, b.second)};
}

INLINE __m512i rounded_row(row_of_sums x) { return (__m512i)_mm512_cvtne2ps_pbh(x.second, x.first); }

INLINE float reciprocal_rms_of(const float *x, size_t width, float epsilon) {
    __m512 squares = _mm512_setzero_ps();
    for (size_t i = 0; i < width; i += 16) {
        const __m512 value = _mm512_maskz_loadu_ps(first_16(width - i), x + i);
        squares = _mm512_fmadd_ps(value, value, squares);
    }
    return 1.0f / __builtin_sqrtf(_mm512_reduce_add_ps(squares) / (float)width + epsilon);
}

// Packs RMSNorm(state) weight of up to 32 pixels as a left factor, and as rows where `rows` is not NULL.
INLINE void pack_normalized(
    const pn_tile_field *f, const float *state, const float *weight, size_t pixels, uint16_t *left, uint16_t *rows) {
    for (size_t row = 0; row < TILE_BLOCK; row++) {
        const float *x = state + row * f->width;
        const __m512 r = _mm512_set1_ps(row < pixels ? reciprocal_rms_of(x, f->width, f->epsilon) : 0);
        for (size_t i = 0; i < f->width; i += TILE_STEP) {
            const __mmask32 mask = row < pixels ? first_32(f->width - i) : 0;
            const row_of_sums value = load_row(x + i, mask), factor = load_row(weight + i, mask);
            const __m512i numbers = rounded_row((row_of_sums){
                _mm512_mul_ps(_mm512_mul_ps(value.first, r), factor.first),
                _mm512_mul_ps(_mm512_mul_ps(value.second, r), factor.second)});
            _mm512_store_si512(left + i * TILE_BLOCK + row * TILE_STEP, numbers);
            if (rows) _mm512_store_si512(rows + row * padded(f->width) + i, numbers);
        }
    }
}

// Packs weights [inner, n] as a right factor, and computes one over the norms of their columns, or ones.
INLINE void pack_weights(
    const uint16_t *weights, size_t inner, size_t n, bool normalizes, uint16_t *packed, float *reciprocals) {
    for (size_t column = 0; column < n; column += TILE_BLOCK) {
        const __mmask32 mask = first_32(n - column);
        __m512 first = _mm512_setzero_ps(), second = first;
        for (size_t k = 0; k < padded(inner); k += 2) {
            const __m512i even =
                _mm512_maskz_loadu_epi16(k < inner ? mask : 0, weights + (k < inner ? k * n + column : 0));
            const __m512i odd = _mm512_maskz_loadu_epi16(
                k + 1 < inner ? mask : 0, weights + (k + 1 < inner ? (k + 1) * n + column : 0));
            const __m512i lower = pairs(even, odd, false), upper = pairs(even, odd, true);
            uint16_t *to = packed + k / TILE_STEP * TILE_STEP_ELEMENTS + k % TILE_STEP / 2 * 32;
            _mm512_store_si512(to, lower);
            _mm512_store_si512(to + tile_elements, upper);
            if (!normalizes) continue;
            first = _mm512_dpbf16_ps(first, (__m512bh)lower, (__m512bh)lower);
            second = _mm512_dpbf16_ps(second, (__m512bh)upper, (__m512bh)upper);
        }
        packed += padded(inner) * TILE_BLOCK;
        const __m512 one = _mm512_set1_ps(1), smallest = _mm512_set1_ps(1e-12f);
        if (normalizes) {
            first = _mm512_div_ps(one, _mm512_max_ps(_mm512_sqrt_ps(first), smallest));
            second = _mm512_div_ps(one, _mm512_max_ps(_mm512_sqrt_ps(second), smallest));
        } else {
            first = second = one;
        }
        _mm512_store_ps(reciprocals + column, first);
        _mm512_store_ps(reciprocals + column + 16, second);
    }
}

#undef INLINE
#endif
#endif
