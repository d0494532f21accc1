// The sums of a block, over the tile instructions that the including file defines (see tile_hardware.h).
//
// Four tiles hold the sums of a block, two the left factor and two the right.
#include "tile_result.h"

// sums = left right over some steps, or sums += left right. Meanwhile rows of the block before are written, since
// vectors are free while tiles are multiplied.
static inline __attribute__((always_inline)) BODY_TARGET void VARIANT(multiply_block)(
    const char *left, left_layout layout, const char *right, size_t steps, float *sums, bool is_first,
    waiting_block *before) {
    if (is_first) {
        ZERO(0);
        ZERO(1);
        ZERO(2);
        ZERO(3);
    } else {
        LOAD(0, sums);
        LOAD(1, sums + tile_floats);
        LOAD(2, sums + 2 * tile_floats);
        LOAD(3, sums + 3 * tile_floats);
    }
    const size_t rows_per_step = parts(TILE_BLOCK, steps);
    for (size_t step = 0; step < steps; step++, left += layout.step, right += step_bytes) {
        LOAD(4, right);
        STREAM(6, left, layout.row);
        MULTIPLY(0, 6, 4);
        LOAD(5, right + step_bytes / 2);
        MULTIPLY(1, 6, 5);
        STREAM(7, left + layout.half, layout.row);
        MULTIPLY(2, 7, 4);
        MULTIPLY(3, 7, 5);
        write_rows(before, rows_per_step);
    }
    STORE(0, sums);
    STORE(1, sums + tile_floats);
    STORE(2, sums + 2 * tile_floats);
    STORE(3, sums + 3 * tile_floats);
}
