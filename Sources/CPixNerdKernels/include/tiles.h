// Matrix multiplication in bf16 over tiles (Intel AMX), summed in float32.
//
// Both factors are packed first. A packed factor of n rows (left) or columns (right) and an inner dimension is cut into
// blocks of TILE_BLOCK rows or columns, one after the other, and a block into steps of TILE_STEP inner numbers. What is
// missing at the edges is zero. The functions may only be called where pn_kernels_have_tiles is true.
#ifndef PIXNERD_KERNELS_TILES_H
#define PIXNERD_KERNELS_TILES_H

#include <stdbool.h>
#include <stddef.h>

enum { TILE_BLOCK = 32, TILE_STEP = 32, TILE_STEP_ELEMENTS = TILE_BLOCK * TILE_STEP };

// How many bf16 numbers a packed factor takes.
static inline size_t pn_tile_packed_count(size_t n, size_t inner) {
    return (n + TILE_BLOCK - 1) / TILE_BLOCK * ((inner + TILE_STEP - 1) / TILE_STEP) * TILE_STEP_ELEMENTS;
}

// A matrix [n, inner], or [inner, n] where `is_transposed`, whose rows are `stride` numbers apart: bf16, or float32
// where `is_float`, which packing rounds.
typedef struct {
    const void *numbers;
    size_t stride;
    bool is_transposed, is_float;
} pn_tile_source;

// Packs n rows of a left factor.
void pn_tile_pack_left(size_t n, size_t inner, pn_tile_source source, void *packed);
// Packs n columns of a right factor. `source` has a row per column unless it is transposed.
void pn_tile_pack_right(size_t n, size_t inner, pn_tile_source source, void *packed);

// Factors in int8 are packed in the same way with steps of twice as many inner numbers, and take as many bytes as a
// factor in bf16 of half the inner dimension. Row or column i is its numbers divided by scales[i], the largest
// magnitude over 127, and rounded. They may be packed and multiplied where pn_kernels_have_int8 is true.
enum { INT8_STEP = 64 };
static inline size_t pn_int8_packed_count(size_t n, size_t inner) {
    return (n + TILE_BLOCK - 1) / TILE_BLOCK * ((inner + INT8_STEP - 1) / INT8_STEP) * TILE_STEP_ELEMENTS;
}
// Packs n rows of a left factor, or n columns of a right one, from a source with a row for each.
void pn_int8_pack_left(size_t n, size_t inner, pn_tile_source source, void *packed, float *scales);
void pn_int8_pack_right(size_t n, size_t inner, pn_tile_source source, void *packed, float *scales);

// What becomes of a product.
typedef enum {
    // c = product + bias, in float32
    pn_tile_set,
    // c += product, in float32; without a bias
    pn_tile_add,
    // c = product + bias, rounded to bf16
    pn_tile_round,
    // c = silu(product) second product, rounded to bf16; without a bias
    pn_tile_gate,
    // The same, and `gates` and `values` = both products, rounded to bf16
    pn_tile_gate_and_keep,
    // product is the derivative by silu(gate) value: `gates` and `values`, which hold both, become the derivatives by
    // them,
    // and c = silu(gate) value, all rounded to bf16; without a bias
    pn_tile_gate_backward,
    // c = residual + gate (product + bias), in float32; one gate per column
    pn_tile_gated_residual,
} pn_tile_result_kind;

typedef struct {
    pn_tile_result_kind kind;
    // [rows, columns], with rows `stride` numbers apart.
    void *c;
    size_t stride;
    // [columns] or NULL
    const float *bias;
    // [rows, columns], with rows as far apart as those of c.
    const float *residual;
    // [columns]
    const float *gate;
    // [rows, columns], with rows as far apart as those of c.
    void *gates, *values;
} pn_tile_result;

// Packed factors of a product over `steps` steps of the inner dimension. From a block to the next it is left_block or
// right_block numbers.
typedef struct {
    size_t rows, columns, steps;
    const void *left;
    size_t left_block;
    // Not 0 for a left factor in bf16 that is not packed: numbers from a row to the next. Blocks and steps are full
    // then.
    size_t left_row;
    const void *right;
    // The right factor of the second product of a gate; else NULL.
    const void *second;
    size_t right_block;
    // The scales of factors in int8; NULL for bf16.
    const float *left_scales, *right_scales, *second_scales;
} pn_tile_factors;

void pn_tile_multiply(const pn_tile_factors *factors, const pn_tile_result *result);

// Multiplies tiles whose loads are from the first-level cache `count` times by four, to measure the most that the
// instruction allows. A multiplication is 16 x 16 x 32 multiply-adds.
void pn_tile_spin(size_t count);

#endif
