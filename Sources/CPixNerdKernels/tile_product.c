// Products of packed factors over tiles, of the processor or emulated.
#include "tiles.h"

#if defined(__x86_64__)

// In this order, each by itself: bodies are compiled once for each kind of tiles.
#include "tile_hardware.h"

#include "tile_block_body.h"

#include "tile_product_body.h"

#include "tile_emulated.h"

#include "tile_block_body.h"

#include "tile_product_body.h"

// Not emulated: there would be nothing to measure.
static WITH_TILES void spin(size_t count, const uint16_t *numbers) {
    _tile_loadconfig(&full_tiles);
    for (size_t i = 0; i < count; i++) {
        const uint16_t *from = numbers + i % 4 * 2 * TILE_STEP_ELEMENTS;
        _tile_loadd(4, from, 64);
        _tile_loadd(6, from + tile_elements, 64);
        _tile_dpbf16ps(0, 6, 4);
        _tile_loadd(5, from + 2 * tile_elements, 64);
        _tile_dpbf16ps(1, 6, 5);
        _tile_loadd(7, from + 3 * tile_elements, 64);
        _tile_dpbf16ps(2, 7, 4);
        _tile_dpbf16ps(3, 7, 5);
    }
    _tile_release();
}

void pn_tile_multiply(const pn_tile_factors *factors, const pn_tile_result *result) {
    if (factors->left_scales) return pn_multiply_int8(factors, result);
    require_tiles();
    (pn_tiles_are_emulated ? multiply_emulated : multiply_by_hardware)(factors, result);
}

void pn_tile_spin(size_t count) {
    require_tiles();
    _Alignas(64) uint16_t numbers[8 * TILE_STEP_ELEMENTS] = {0};
    if (!pn_tiles_are_emulated) spin(count, numbers);
}
#else
// pn_kernels_have_tiles is false here.
void pn_tile_multiply(const pn_tile_factors *factors, const pn_tile_result *result) { __builtin_trap(); }
void pn_tile_spin(size_t count) { __builtin_trap(); }
#endif
