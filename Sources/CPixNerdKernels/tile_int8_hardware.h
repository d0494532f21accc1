// Tiles of int8 as the processor has them (Intel AMX): what tile_hardware.h defines, but for the product.
#include "tile_hardware.h"

#undef VARIANT
#undef BODY_TARGET
#undef MULTIPLY

#define VARIANT(name) name##_int8_by_hardware
#define BODY_TARGET __attribute__((target(VECTORS ",amx-tile,amx-int8")))
#define MULTIPLY(sum, left, right) _tile_dpbssd(sum, left, right)
