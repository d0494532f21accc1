// Products of packed factors over tiles, of the processor or emulated.
#include "tiles.h"

#if defined(__x86_64__)

#include "tile_block_body.h"
#include "tile_hardware.h"
#include "tile_product_body.h"

#include "tile_block_body.h"
#include "tile_emulated.h"
#include "tile_product_body.h"

void pn_tile_multiply(const pn_tile_factors *factors, const pn_tile_result *result) {
    require_tiles();
    (pn_tiles_are_emulated ? multiply_emulated : multiply_by_hardware)(factors, result);
}
#else
// pn_kernels_have_tiles is false here.
void pn_tile_multiply(const pn_tile_factors *factors, const pn_tile_result *result) { __builtin_trap(); }
#endif
