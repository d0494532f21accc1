// The product of packed factors, over the tile instructions that the including file defines (see tile_hardware.h).
//
// A part of a right block that leaves room in the first-level cache stays there while left blocks stream past it from
// the second level (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34, 2008).
#ifndef PIXNERD_TILE_PRODUCT_BODY_H
#define PIXNERD_TILE_PRODUCT_BODY_H

enum {
    // Steps of a right block that stay in the first-level cache, 32 KiB; and those that one pass is best for.
    most_steps = 16,
    most_steps_of_one_pass = 24,
    // Left blocks whose sums are kept while the steps pass.
    blocks_together = 4,
};

// A group of left blocks.
typedef struct {
    const uint16_t *left;
    size_t left_block, blocks;
    left_layout layout;
} block_group;

#endif

static inline __attribute__((always_inline)) BODY_TARGET void VARIANT(multiply_part)(
    const block_group *group, size_t i, const uint16_t *right, size_t first, size_t last, float *sums,
    waiting_block *before) {
    VARIANT(multiply_block)
    ((const char *)(group->left + i * group->left_block) + first * group->layout.step, group->layout,
     (const char *)(right + first * TILE_STEP_ELEMENTS), last - first, sums, first == 0, before);
}

static BODY_TARGET void VARIANT(multiply)(const pn_tile_factors *f, const pn_tile_result *result) {
    // One set of sums more than blocks, so that a block can be written while the next is computed.
    enum { sets = blocks_together + 1 };
    _Alignas(64) float sums[sets][block_floats], second_sums[sets][block_floats];
    size_t set = 0;
    waiting_block before = {.result = result, .factors = f};
    CONFIGURE;
    const size_t all = parts(f->rows, TILE_BLOCK), row = 2 * f->left_row;
    const left_layout layout = row ? (left_layout){row, tile_rows * row, 2 * TILE_STEP} : packed_left;
    const size_t count = f->steps <= most_steps_of_one_pass ? 1 : parts(f->steps, most_steps);
    for (size_t column = 0; column < f->columns; column += TILE_BLOCK) {
        const size_t from = column / TILE_BLOCK * f->right_block;
        const uint16_t *right = (const uint16_t *)f->right + from;
        // Only a pointer to something may be moved on.
        const uint16_t *second = f->second ? (const uint16_t *)f->second + from : NULL;
        const __mmask32 mask = first_32(f->columns - column);
        for (size_t block = 0; block < all; block += blocks_together) {
            const block_group group = {
                (const uint16_t *)f->left + block * f->left_block, f->left_block, least(blocks_together, all - block),
                layout};
            for (size_t part = 0; part < count; part++) {
                const size_t first = f->steps * part / count, last = f->steps * (part + 1) / count;
                for (size_t i = 0; i < group.blocks; i++) {
                    const size_t place = (set + i) % sets, first_row = (block + i) * TILE_BLOCK;
                    VARIANT(multiply_part)(&group, i, right, first, last, sums[place], &before);
                    if (f->second) VARIANT(multiply_part)(&group, i, second, first, last, second_sums[place], &before);
                    if (part + 1 < count) continue;
                    write_rows(&before, TILE_BLOCK);
                    before = (waiting_block){result,
                                             sums[place],
                                             second_sums[place],
                                             first_row,
                                             column,
                                             0,
                                             least(TILE_BLOCK, f->rows - first_row),
                                             mask,
                                             f};
                }
            }
            set = (set + group.blocks) % sets;
        }
    }
    write_rows(&before, TILE_BLOCK);
    RELEASE;
}
