// Products of packed factors by Intel AMX, or by the same loops over emulated tiles for tests on other processors.
#include "tiles.h"

#if defined(__x86_64__)

// Every tile has 16 rows of 64 bytes.
typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes_per_row[16];
    uint8_t rows[16];
} tile_configuration;

static const _Alignas(64) tile_configuration full_tiles = {
    .palette = 1,
    .bytes_per_row = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

#define BODY_TARGET WITH_TILES
#define BODY_NAME multiply_by_hardware
#define CONFIGURE _tile_loadconfig(&full_tiles)
#define RELEASE _tile_release()
#define ZERO(tile) _tile_zero(tile)
#define LOAD(tile, place) _tile_loadd(tile, place, 64)
#define STREAM(tile, place) _tile_stream_loadd(tile, place, 64)
#define STORE(tile, place) _tile_stored(tile, place, 64)
#define MULTIPLY(sum, left, right) _tile_dpbf16ps(sum, left, right)
#include "tile_product_body.h"

void pn_tile_multiply_emulated(const pn_tile_factors *factors, const pn_tile_result *result);

void pn_tile_multiply(const pn_tile_factors *factors, const pn_tile_result *result) {
    require_tiles();
    (pn_tiles_are_emulated ? pn_tile_multiply_emulated : multiply_by_hardware)(factors, result);
}
#else
// pn_kernels_have_tiles is false here.
void pn_tile_multiply(const pn_tile_factors *factors, const pn_tile_result *result) { __builtin_trap(); }
#endif
