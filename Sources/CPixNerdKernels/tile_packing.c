// Packing of factors for products over tiles.
//
// A step of a left block is two tiles of 16 rows of 32 numbers. A step of a right block is two tiles of 16 columns, in
// which the two numbers of a column that one instruction multiplies are neighbours: 16 rows of 16 pairs.
#include "tiles.h"

#if defined(__x86_64__)

#define INLINE static inline __attribute__((always_inline)) WITH_VECTORS

// The step `at` of a block from rows of `source`: two tiles of 16 rows of 32 numbers.
INLINE void rows_to_tiles(size_t n, size_t inner, const pn_tile_source *source, bool is_float, uint16_t *out) {
    for (size_t row = 0; row < TILE_BLOCK; row++) {
        uint16_t *to = out + row * TILE_STEP;
        if (row >= n) {
            for (size_t k = 0; k < inner; k += TILE_STEP, to += TILE_STEP_ELEMENTS)
                _mm512_storeu_si512(to, _mm512_setzero_si512());
            continue;
        }
        const size_t from = row * source->stride;
        for (size_t k = 0; k < inner; k += TILE_STEP, to += TILE_STEP_ELEMENTS)
            _mm512_storeu_si512(to, load_32(source->numbers, from + k, is_float, first_32(inner - k)));
    }
}

// Tiles of columns from a source with a row per column.
INLINE void rows_to_pairs(size_t n, size_t inner, const pn_tile_source *source, bool is_float, uint16_t *out) {
    for (size_t half = 0; half < TILE_BLOCK; half += tile_rows) {
        for (size_t k = 0; k < inner; k += TILE_STEP) {
            const __mmask32 mask = first_32(inner - k);
            __m512i r[tile_rows];
            UNROLLED
            for (size_t i = 0; i < tile_rows; i++) {
                const bool is_there = half + i < n;
                r[i] = load_32(
                    source->numbers, (is_there ? half + i : 0) * source->stride + k, is_float, is_there ? mask : 0);
            }
            transpose_16(r);
            uint16_t *to = out + k / TILE_STEP * TILE_STEP_ELEMENTS + half / tile_rows * tile_elements;
            UNROLLED
            for (size_t i = 0; i < tile_rows; i++) _mm512_storeu_si512(to + i * 32, r[i]);
        }
    }
}

INLINE __m512i row_of(size_t row, size_t inner, const pn_tile_source *source, bool is_float, __mmask32 mask) {
    return load_32(source->numbers, (row < inner ? row : 0) * source->stride, is_float, row < inner ? mask : 0);
}

// Tiles of columns from a source with a column per column.
INLINE void columns_to_pairs(size_t n, size_t inner, const pn_tile_source *source, bool is_float, uint16_t *out) {
    const __mmask32 mask = first_32(n);
    for (size_t k = 0; k < inner; k += TILE_STEP, out += TILE_STEP_ELEMENTS) {
        for (size_t pair = 0; pair < tile_rows; pair++) {
            const __m512i even = row_of(k + 2 * pair, inner, source, is_float, mask);
            const __m512i odd = row_of(k + 2 * pair + 1, inner, source, is_float, mask);
            _mm512_storeu_si512(out + pair * 32, pairs(even, odd, false));
            _mm512_storeu_si512(out + tile_elements + pair * 32, pairs(even, odd, true));
        }
    }
}

// Tiles of rows from a source with a column per row.
INLINE void columns_to_tiles(size_t n, size_t inner, const pn_tile_source *source, bool is_float, uint16_t *out) {
    const __mmask32 mask = first_32(n);
    for (size_t k = 0; k < inner; k += TILE_STEP, out += TILE_STEP_ELEMENTS) {
        UNROLLED
        for (size_t half = 0; half < 2; half++) {
            __m512i r[tile_rows];
            UNROLLED
            for (size_t pair = 0; pair < tile_rows; pair++) {
                const __m512i even = row_of(k + 2 * pair, inner, source, is_float, mask);
                const __m512i odd = row_of(k + 2 * pair + 1, inner, source, is_float, mask);
                r[pair] = pairs(even, odd, half == 1);
            }
            transpose_16(r);
            UNROLLED
            for (size_t i = 0; i < tile_rows; i++) _mm512_storeu_si512(out + half * tile_elements + i * 32, r[i]);
        }
    }
}

typedef void pack_function(size_t n, size_t inner, const pn_tile_source *source, uint16_t *out);
#define PACK(name) \
    static WITH_VECTORS void name##_rounded(size_t n, size_t inner, const pn_tile_source *source, uint16_t *out) { \
        name(n, inner, source, false, out); \
    } \
    static WITH_VECTORS void name##_float(size_t n, size_t inner, const pn_tile_source *source, uint16_t *out) { \
        name(n, inner, source, true, out); \
    }
PACK(rows_to_tiles)
PACK(rows_to_pairs)
PACK(columns_to_pairs)
PACK(columns_to_tiles)

static void pack(size_t n, size_t inner, pn_tile_source source, pack_function *block, uint16_t *packed) {
    require_tiles();
    const size_t next = (source.is_transposed ? 1 : source.stride) * TILE_BLOCK * (source.is_float ? 4 : 2);
    for (size_t first = 0; first < n; first += TILE_BLOCK) {
        block(least(TILE_BLOCK, n - first), inner, &source, packed);
        packed += pn_tile_packed_count(TILE_BLOCK, inner);
        source.numbers = (const char *)source.numbers + next;
    }
}

void pn_tile_pack_left(size_t n, size_t inner, pn_tile_source source, void *packed) {
    pack(
        n, inner, source,
        source.is_transposed ? (source.is_float ? columns_to_tiles_float : columns_to_tiles_rounded)
                             : (source.is_float ? rows_to_tiles_float : rows_to_tiles_rounded),
        packed);
}

void pn_tile_pack_right(size_t n, size_t inner, pn_tile_source source, void *packed) {
    pack(
        n, inner, source,
        source.is_transposed ? (source.is_float ? columns_to_pairs_float : columns_to_pairs_rounded)
                             : (source.is_float ? rows_to_pairs_float : rows_to_pairs_rounded),
        packed);
}
#else
// pn_kernels_have_tiles is false here.
void pn_tile_pack_left(size_t n, size_t inner, pn_tile_source source, void *packed) { __builtin_trap(); }
void pn_tile_pack_right(size_t n, size_t inner, pn_tile_source source, void *packed) { __builtin_trap(); }
#endif
