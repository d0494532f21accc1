// The neural field of a patch over tiles, forward and backward, within the second-level cache.
#include "tile_field.h"

#include "tiles.h"

#if defined(__x86_64__)

// The derivative by raw weights [rows, columns], which are divided by their norms where there are `reciprocals`, from
// that by the divided ones; overwrites the raw weights. See pn_normalize_columns_backward.
static WITH_VECTORS void normalize_backward(
    size_t rows, size_t columns, const float *upstream, const float *reciprocals, uint16_t *weights) {
    for (size_t column = 0; column < columns; column += TILE_BLOCK) {
        const __mmask32 mask = first_32(columns - column);
        row_of_sums sum = {_mm512_setzero_ps(), _mm512_setzero_ps()};
        row_of_sums scale = {_mm512_set1_ps(1), _mm512_set1_ps(1)};
        if (reciprocals) {
            scale = load_row(reciprocals + column, mask);
            for (size_t row = 0; row < rows; row++) {
                const row_of_sums up = load_row(upstream + row * columns + column, mask);
                const row_of_sums x = load_rounded(weights, row * columns + column, mask);
                sum.first = _mm512_fmadd_ps(x.first, up.first, sum.first);
                sum.second = _mm512_fmadd_ps(x.second, up.second, sum.second);
            }
            // Below the smallest norm the divisor is constant, so its derivative is 0.
            const __m512 largest = _mm512_set1_ps(1 / 1e-12f);
            sum.first = _mm512_maskz_mul_ps(
                _mm512_cmp_ps_mask(scale.first, largest, _CMP_LT_OQ), sum.first,
                _mm512_mul_ps(scale.first, scale.first));
            sum.second = _mm512_maskz_mul_ps(
                _mm512_cmp_ps_mask(scale.second, largest, _CMP_LT_OQ), sum.second,
                _mm512_mul_ps(scale.second, scale.second));
        }
        for (size_t row = 0; row < rows; row++) {
            uint16_t *place = weights + row * columns + column;
            const row_of_sums up = load_row(upstream + row * columns + column, mask);
            const row_of_sums x = load_rounded(place, 0, mask);
            const row_of_sums gradient = times(
                scale,
                (row_of_sums){
                    _mm512_fnmadd_ps(x.first, sum.first, up.first), _mm512_fnmadd_ps(x.second, sum.second, up.second)});
            _mm512_mask_storeu_epi16(place, mask, rounded_row(gradient));
        }
    }
}

// The derivative by a matrix [rows, columns] from its input [pixels, rows] and the derivative by its output [pixels,
// columns]; overwrites the matrix.
static void weight_gradient(
    const pn_tile_field *f, const field_room *room, const uint16_t *input, size_t rows, const uint16_t *upstream,
    size_t columns, const float *reciprocals, uint16_t *weights) {
    pn_tile_pack_left(rows, f->pixels, (pn_tile_source){input, padded(rows), true, false}, room->packed_left);
    pn_tile_pack_right(
        columns, f->pixels, (pn_tile_source){upstream, padded(columns), true, false}, room->packed_right);
    const size_t block = padded(f->pixels) * TILE_BLOCK;
    pn_tile_multiply(
        &(pn_tile_factors){
            .rows = rows,
            .columns = columns,
            .steps = padded(f->pixels) / TILE_STEP,
            .left = room->packed_left,
            .left_block = block,
            .right = room->packed_right,
            .right_block = block},
        &(pn_tile_result){.kind = pn_tile_set, .c = room->matrix_gradient, .stride = columns});
    normalize_backward(rows, columns, room->matrix_gradient, reciprocals, weights);
}

// In this order, each by itself: bodies are compiled once for each kind of tiles.
#include "tile_hardware.h"

#include "tile_block_body.h"

#include "tile_field_body.h"

#include "tile_emulated.h"

#include "tile_block_body.h"

#include "tile_field_body.h"

size_t pn_tile_field_scratch(const pn_tile_field *field) {
    field_room room;
    return parts(divide_room(field, NULL, &room), sizeof(float));
}

void pn_tile_field_forward(
    const pn_tile_field *field, const void *generated, const float *norm, float *state, float *scratch) {
    require_tiles();
    (pn_tiles_are_emulated ? field_forward_emulated
                           : field_forward_by_hardware)(field, generated, norm, state, scratch);
}

void pn_tile_field_backward(
    const pn_tile_field *field, void *generated, const float *norm, const float *state, float *state_gradient,
    float *norm_gradient, float *scratch) {
    require_tiles();
    (pn_tiles_are_emulated ? field_backward_emulated : field_backward_by_hardware)(
        field, generated, norm, state, state_gradient, norm_gradient, scratch);
}
#else
// pn_kernels_have_tiles is false here.
size_t pn_tile_field_scratch(const pn_tile_field *field) { return 0; }
void pn_tile_field_forward(
    const pn_tile_field *field, const void *generated, const float *norm, float *state, float *scratch) {
    __builtin_trap();
}
void pn_tile_field_backward(
    const pn_tile_field *field, void *generated, const float *norm, const float *state, float *state_gradient,
    float *norm_gradient, float *scratch) {
    __builtin_trap();
}
#endif
