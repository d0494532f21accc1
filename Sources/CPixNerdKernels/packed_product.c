// Matrix multiplication with a packed right factor in bf16, by AVX-512 BF16, summed in float32.
//
// The right factor is packed once, in panels of 64 columns. In these the two numbers of a column that one instruction
// multiplies are neighbours. A tile of 6 rows and the columns of a panel stays in registers while the loop runs over
// the inner dimension (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34, 2008).
#include <string.h>

#include "CPixNerdKernels.h"
#include "level.h"
#include "transpose.h"

enum {
    lanes = 16,
    panel_columns = BFLOAT16_PANEL_COLUMNS,
    // With `tile_rows`, as many sums as leave registers for both factors.
    panel_vectors = panel_columns / lanes,
    tile_rows = 6,
    // Rows of a panel that leave room in the second-level cache.
    most_inner = 1536,
};

static size_t parts_of(size_t whole, size_t part) { return (whole + part - 1) / part; }

static size_t padded_columns(size_t columns) { return parts_of(columns, lanes) * lanes; }

size_t pn_bfloat16_packed_count(size_t columns, size_t inner) {
    return padded_columns(columns) * 2 * parts_of(inner, 2);
}

#if defined(__x86_64__)
#define INLINE static inline __attribute__((always_inline)) WITH_VECTORS

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// Ends the program where a caller has not asked pn_kernels_have_bfloat16.
static void require_bfloat16(void) {
    if (!pn_has_bfloat16_kernels) __builtin_trap();
}

// The inner dimension is cut into blocks of an even length.
static size_t inner_of_block(size_t inner) { return 2 * parts_of(inner, 2 * parts_of(inner, most_inner)); }

// The offset in the packed factor of the part of a panel that belongs to the block of the inner dimension from `first`
// on.
static size_t packed_offset(size_t columns, size_t inner, size_t panel, size_t first) {
    const size_t count = smaller(inner_of_block(inner), inner - first);
    return padded_columns(columns) * first + panel * panel_columns * 2 * parts_of(count, 2);
}

static size_t vectors_of(size_t columns, size_t panel) {
    return smaller(panel_vectors, parts_of(columns - panel * panel_columns, lanes));
}

// Packs a vector of columns, given as `count` rows of x, into every `vectors`-th vector of `out`.
INLINE void pack_vector(const uint16_t *x, size_t stride, size_t count, size_t inner, size_t vectors, uint16_t *out) {
    for (size_t k = 0; k < inner; k += 2 * lanes) {
        const size_t left = inner - k;
        const __mmask32 mask = left >= 2 * lanes ? 0xffffffffu : (1u << left) - 1;
        __m512i rows[lanes];
        UNROLLED
        for (size_t row = 0; row < lanes; row++) {
            const uint16_t *from = x + (row < count ? row : 0) * stride + k;
            rows[row] = _mm512_maskz_loadu_epi16(row < count ? mask : 0, from);
        }
        transpose_16(rows);
        UNROLLED
        for (size_t pair = 0; pair < lanes; pair++) {
            if (2 * pair < left) _mm512_storeu_si512(out + (k + 2 * pair) * vectors * lanes, rows[pair]);
        }
    }
}

WITH_VECTORS void pn_bfloat16_pack_panel(
    size_t columns, size_t inner, size_t panel, const void *x, size_t stride, void *packed) {
    require_bfloat16();
    const uint16_t *rows = x;
    const size_t vectors = vectors_of(columns, panel), count = smaller(panel_columns, columns - panel * panel_columns);
    for (size_t first = 0; first < inner; first += inner_of_block(inner)) {
        uint16_t *out = (uint16_t *)packed + packed_offset(columns, inner, panel, first);
        for (size_t vector = 0; vector < vectors; vector++) {
            pack_vector(
                rows + vector * lanes * stride + first, stride, smaller(lanes, count - vector * lanes),
                smaller(inner_of_block(inner), inner - first), vectors, out + vector * 2 * lanes);
        }
    }
}

INLINE __mmask16 mask_of(size_t columns, size_t column) {
    return columns - column >= lanes ? 0xffff : (__mmask16)((1u << (columns - column)) - 1);
}

INLINE __m512 widened(const uint16_t *x, __mmask16 mask) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, x)), 16));
}

INLINE __m512i rounded(__m512 x) { return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x)); }

WITH_VECTORS void pn_bfloat16_pack_columns(
    size_t rows, size_t columns, bool normalizes, const void *weights, void *packed) {
    require_bfloat16();
    for (size_t column = 0; column < columns; column += lanes) {
        const __mmask16 mask = mask_of(columns, column);
        const uint16_t *x = (const uint16_t *)weights + column;
        __m512 reciprocal = _mm512_set1_ps(1);
        if (normalizes) {
            __m512 squares = _mm512_setzero_ps();
            for (size_t row = 0; row < rows; row++) {
                const __m512 value = widened(x + row * columns, mask);
                squares = _mm512_fmadd_ps(value, value, squares);
            }
            const __m512 norm = _mm512_max_ps(_mm512_sqrt_ps(squares), _mm512_set1_ps(1e-12f));
            reciprocal = _mm512_div_ps(_mm512_set1_ps(1), norm);
        }
        const size_t panel = column / panel_columns, step = vectors_of(columns, panel) * 2 * lanes;
        for (size_t first = 0; first < rows; first += inner_of_block(rows)) {
            const size_t last = first + smaller(inner_of_block(rows), rows - first);
            uint16_t *out =
                (uint16_t *)packed + packed_offset(columns, rows, panel, first) + column % panel_columns * 2;
            for (size_t row = first; row < last; row += 2, out += step) {
                const __m512i even = rounded(_mm512_mul_ps(widened(x + row * columns, mask), reciprocal));
                const __m512i odd = row + 1 < last
                    ? rounded(_mm512_mul_ps(widened(x + (row + 1) * columns, mask), reciprocal))
                    : _mm512_setzero_si512();
                _mm512_storeu_si512(out, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
            }
        }
    }
}

// The first elements of the rows of a tile. `count` rows are part of the result.
typedef struct {
    const uint16_t *a[tile_rows];
    float *c;
    size_t c_stride, count;
} tile_place;

// c[6, columns of a panel] = a b, plus the bias, or plus c where `adds`.
INLINE void multiply_tile(
    const int vectors, const tile_place *place, size_t inner, const uint16_t *b, __mmask16 last, const float *bias,
    bool adds) {
    __m512 sums[tile_rows][panel_vectors];
    UNROLLED
    for (int row = 0; row < tile_rows; row++) {
        UNROLLED
        for (int j = 0; j < vectors; j++) {
            const __mmask16 mask = j + 1 < vectors ? 0xffff : last;
            const float *from = place->c + (row < (int)place->count ? row : 0) * place->c_stride;
            sums[row][j] = adds ? _mm512_maskz_loadu_ps(mask, from + j * lanes)
                : bias          ? _mm512_maskz_loadu_ps(mask, bias + j * lanes)
                                : _mm512_setzero_ps();
        }
    }
    const uint16_t *a0 = place->a[0], *a1 = place->a[1], *a2 = place->a[2], *a3 = place->a[3], *a4 = place->a[4],
                   *a5 = place->a[5];
#define MULTIPLY_ROW(row, type, numbers) \
    do { \
        type pair_of_row; \
        memcpy(&pair_of_row, numbers, sizeof pair_of_row); \
        const __m512bh x = (__m512bh)_mm512_set1_epi32(pair_of_row); \
        UNROLLED \
        for (int j = 0; j < vectors; j++) { sums[row][j] = _mm512_dpbf16_ps(sums[row][j], x, columns[j]); } \
    } while (0)
#define MULTIPLY_ROWS(type, k) \
    do { \
        __m512bh columns[panel_vectors]; \
        UNROLLED \
        for (int j = 0; j < vectors; j++) { columns[j] = (__m512bh)_mm512_loadu_si512(b + j * 2 * lanes); } \
        MULTIPLY_ROW(0, type, a0 + k); \
        MULTIPLY_ROW(1, type, a1 + k); \
        MULTIPLY_ROW(2, type, a2 + k); \
        MULTIPLY_ROW(3, type, a3 + k); \
        MULTIPLY_ROW(4, type, a4 + k); \
        MULTIPLY_ROW(5, type, a5 + k); \
    } while (0)
    for (size_t pair = 0; pair < inner / 2; pair++, b += vectors * 2 * lanes) { MULTIPLY_ROWS(int32_t, 2 * pair); }
    // A last number without a partner: b is padded with zero, a is not.
    if (inner % 2 == 1) MULTIPLY_ROWS(uint16_t, inner - 1);
#undef MULTIPLY_ROW
#undef MULTIPLY_ROWS
    UNROLLED
    for (int row = 0; row < tile_rows; row++) {
        if (row < (int)place->count) {
            UNROLLED
            for (int j = 0; j < vectors; j++) {
                const __mmask16 mask = j + 1 < vectors ? 0xffff : last;
                _mm512_mask_storeu_ps(place->c + row * place->c_stride + j * lanes, mask, sums[row][j]);
            }
        }
    }
}

typedef void tile_function(
    const tile_place *, size_t inner, const uint16_t *b, __mmask16 last, const float *bias, bool adds);
#define TILE(vectors) \
    static __attribute__((noinline)) WITH_VECTORS void tile_##vectors( \
        const tile_place *place, size_t inner, const uint16_t *b, __mmask16 last, const float *bias, bool adds) { \
        multiply_tile(vectors, place, inner, b, last, bias, adds); \
    }
TILE(1)
TILE(2)
TILE(3)
TILE(4)

WITH_VECTORS void pn_bfloat16_packed_product(
    size_t rows, size_t columns, size_t inner, size_t first_panel, size_t last_panel, const void *a, size_t a_stride,
    const void *packed, const float *bias, bool adds, float *c, size_t c_stride) {
    require_bfloat16();
    tile_function *const tiles[panel_vectors] = {tile_1, tile_2, tile_3, tile_4};
    for (size_t first = 0; first < inner; first += inner_of_block(inner)) {
        const size_t count = smaller(inner_of_block(inner), inner - first);
        for (size_t panel = first_panel; panel < last_panel; panel++) {
            const size_t vectors = vectors_of(columns, panel), column = (panel - first_panel) * panel_columns;
            const __mmask16 mask = mask_of(columns, panel * panel_columns + (vectors - 1) * lanes);
            const uint16_t *b = (const uint16_t *)packed + packed_offset(columns, inner, panel, first);
            for (size_t row = 0; row < rows; row += tile_rows) {
                tile_place place = {.c = c + row * c_stride + column, c_stride, smaller(tile_rows, rows - row)};
                for (size_t i = 0; i < tile_rows; i++) {
                    place.a[i] = (const uint16_t *)a + (row + smaller(i, place.count - 1)) * a_stride + first;
                }
                tiles[vectors - 1](
                    &place, count, b, mask, first == 0 && bias ? bias + column : NULL, adds || first > 0);
            }
        }
    }
}
#else
// pn_kernels_have_bfloat16 is false here.
void pn_bfloat16_pack_panel(size_t columns, size_t inner, size_t panel, const void *x, size_t stride, void *packed) {
    __builtin_trap();
}
void pn_bfloat16_pack_columns(size_t rows, size_t columns, bool normalizes, const void *weights, void *packed) {
    __builtin_trap();
}
void pn_bfloat16_packed_product(
    size_t rows, size_t columns, size_t inner, size_t first_panel, size_t last_panel, const void *a, size_t a_stride,
    const void *packed, const float *bias, bool adds, float *c, size_t c_stride) {
    __builtin_trap();
}
#endif
