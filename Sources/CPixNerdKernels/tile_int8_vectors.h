// Tiles of int8 in memory, multiplied by AVX-512 VNNI: for processors without AMX, and for tests.
#include "tile_emulated.h"

#undef VARIANT
#undef BODY_TARGET
#undef MULTIPLY

#define VARIANT(name) name##_int8_by_vectors
#define BODY_TARGET __attribute__((target(VECTORS ",avx512vnni")))
#define MULTIPLY(sum, left, right) \
    multiply_int8(pn_emulated_tiles[sum], pn_emulated_tiles[left], pn_emulated_tiles[right])
