// What becomes of the sums of a block: 32 x 32 floats in four tiles of 16 x 16, row by row of tiles.
#ifndef PIXNERD_TILE_RESULT_H
#define PIXNERD_TILE_RESULT_H

#include "tiles.h"

#if defined(__x86_64__)

enum { tile_floats = 256, block_floats = 4 * tile_floats };

#define INLINE static inline __attribute__((always_inline)) WITH_VECTORS

// Row `row` of the sums of a block as two vectors.
typedef struct {
    __m512 first, second;
} row_of_sums;

INLINE row_of_sums sums_of_row(const float *sums, size_t row) {
    const float *from = sums + row / 16 * 2 * tile_floats + row % 16 * 16;
    return (row_of_sums){_mm512_load_ps(from), _mm512_load_ps(from + tile_floats)};
}

INLINE void store_rounded(void *target, size_t at, __mmask32 mask, row_of_sums x) {
    _mm512_mask_storeu_epi16((uint16_t *)target + at, mask, (__m512i)_mm512_cvtne2ps_pbh(x.second, x.first));
}

INLINE void write_floats(
    const pn_tile_result *result, size_t row, size_t column, __mmask32 mask, row_of_sums x, pn_tile_result_kind kind) {
    const __mmask16 first = (__mmask16)mask, second = (__mmask16)(mask >> 16);
    float *c = (float *)result->c + row * result->stride + column;
    if (kind == pn_tile_add) {
        x.first = _mm512_add_ps(x.first, _mm512_maskz_loadu_ps(first, c));
        x.second = _mm512_add_ps(x.second, _mm512_maskz_loadu_ps(second, c + 16));
    } else if (result->bias) {
        x.first = _mm512_add_ps(x.first, _mm512_maskz_loadu_ps(first, result->bias + column));
        x.second = _mm512_add_ps(x.second, _mm512_maskz_loadu_ps(second, result->bias + column + 16));
    }
    if (kind == pn_tile_gated_residual) {
        const float *residual = result->residual + row * result->stride + column, *gate = result->gate + column;
        x.first = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(first, gate), x.first, _mm512_maskz_loadu_ps(first, residual));
        x.second = _mm512_fmadd_ps(
            _mm512_maskz_loadu_ps(second, gate + 16), x.second, _mm512_maskz_loadu_ps(second, residual + 16));
    }
    _mm512_mask_storeu_ps(c, first, x.first);
    _mm512_mask_storeu_ps(c + 16, second, x.second);
}

INLINE void write_rounded(const pn_tile_result *result, size_t row, size_t column, __mmask32 mask, row_of_sums x) {
    if (result->bias) {
        x.first = _mm512_add_ps(x.first, _mm512_maskz_loadu_ps((__mmask16)mask, result->bias + column));
        x.second = _mm512_add_ps(x.second, _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), result->bias + column + 16));
    }
    store_rounded(result->c, row * result->stride + column, mask, x);
}

INLINE void write_gated(
    const pn_tile_result *result, size_t row, size_t column, __mmask32 mask, row_of_sums gate, row_of_sums value,
    bool keeps) {
    const size_t at = row * result->stride + column;
    const row_of_sums x = {
        _mm512_mul_ps(silu_16(gate.first), value.first), _mm512_mul_ps(silu_16(gate.second), value.second)};
    store_rounded(result->c, at, mask, x);
    if (!keeps) return;
    store_rounded(result->gates, at, mask, gate);
    store_rounded(result->values, at, mask, value);
}

INLINE row_of_sums load_rounded(const void *source, size_t at, __mmask32 mask) {
    const __m512i x = _mm512_maskz_loadu_epi16(mask, (const uint16_t *)source + at);
    return (row_of_sums){
        (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(x)), 16),
        (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(x, 1)), 16)};
}

// silu(gate) value and the derivatives by gate and value, from that by the product.
INLINE void gate_backward(__m512 up, __m512 gate, __m512 value, __m512 *product, __m512 *by_gate, __m512 *by_value) {
    const __m512 s = sigmoid_16(gate), silu = _mm512_mul_ps(gate, s);
    *product = _mm512_mul_ps(silu, value);
    *by_value = _mm512_mul_ps(up, silu);
    // silu'(x) = s + silu(x) (1 - s)
    *by_gate = _mm512_mul_ps(_mm512_mul_ps(up, value), _mm512_add_ps(s, _mm512_fnmadd_ps(silu, s, silu)));
}

INLINE void write_gate_backward(
    const pn_tile_result *result, size_t row, size_t column, __mmask32 mask, row_of_sums up) {
    const size_t at = row * result->stride + column;
    const row_of_sums gate = load_rounded(result->gates, at, mask), value = load_rounded(result->values, at, mask);
    row_of_sums product, by_gate, by_value;
    gate_backward(up.first, gate.first, value.first, &product.first, &by_gate.first, &by_value.first);
    gate_backward(up.second, gate.second, value.second, &product.second, &by_gate.second, &by_value.second);
    store_rounded(result->c, at, mask, product);
    store_rounded(result->gates, at, mask, by_gate);
    store_rounded(result->values, at, mask, by_value);
}

// A block whose sums are complete and whose rows from `next` on are not written yet.
typedef struct {
    const pn_tile_result *result;
    const float *sums, *second_sums;
    size_t row, column, next, rows;
    __mmask32 mask;
    // The factors, for the scales of int8
    const pn_tile_factors *factors;
} waiting_block;

// The sums of the next row of a block: as they are, or int32 times the scales of its row and columns.
INLINE row_of_sums next_sums(const waiting_block *block, const float *sums, const float *scales) {
    const row_of_sums x = sums_of_row(sums, block->next);
    if (scales == NULL) return x;
    const __m512 scale = _mm512_set1_ps(block->factors->left_scales[block->row + block->next]);
    const __m512 first = _mm512_maskz_loadu_ps((__mmask16)block->mask, scales + block->column);
    const __m512 second = _mm512_maskz_loadu_ps((__mmask16)(block->mask >> 16), scales + block->column + 16);
    return (row_of_sums){
        _mm512_mul_ps(_mm512_cvtepi32_ps((__m512i)x.first), _mm512_mul_ps(scale, first)),
        _mm512_mul_ps(_mm512_cvtepi32_ps((__m512i)x.second), _mm512_mul_ps(scale, second))};
}

// Writes the next row of a block.
INLINE void write_row(waiting_block *block) {
    const pn_tile_result *result = block->result;
    const size_t row = block->row + block->next, column = block->column;
    const row_of_sums x = next_sums(block, block->sums, block->factors->right_scales);
    switch (result->kind) {
    case pn_tile_set: write_floats(result, row, column, block->mask, x, pn_tile_set); break;
    case pn_tile_add: write_floats(result, row, column, block->mask, x, pn_tile_add); break;
    case pn_tile_gated_residual: write_floats(result, row, column, block->mask, x, pn_tile_gated_residual); break;
    case pn_tile_round: write_rounded(result, row, column, block->mask, x); break;
    case pn_tile_gate_backward: write_gate_backward(result, row, column, block->mask, x); break;
    case pn_tile_gate:
    case pn_tile_gate_and_keep:
        write_gated(
            result, row, column, block->mask, x, next_sums(block, block->second_sums, block->factors->second_scales),
            result->kind == pn_tile_gate_and_keep);
    }
    block->next++;
}

INLINE void write_rows(waiting_block *block, size_t most) {
    for (size_t end = least(block->rows, block->next + most); block->next < end;) write_row(block);
}

#undef INLINE
#endif
#endif
