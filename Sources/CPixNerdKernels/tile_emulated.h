// The tile instructions over tiles in memory, for tests on processors with AVX-512 BF16 and without AMX. See
// tile_hardware.h.
#undef VARIANT
#undef BODY_TARGET
#undef CONFIGURE
#undef RELEASE
#undef ZERO
#undef LOAD
#undef STREAM
#undef STORE
#undef MULTIPLY

#define VARIANT(name) name##_emulated
#define BODY_TARGET WITH_VECTORS
#define CONFIGURE (void)0
#define RELEASE (void)0
#define ZERO(tile) memset(pn_emulated_tiles[tile], 0, sizeof pn_emulated_tiles[tile])
#define LOAD(tile, place) memcpy(pn_emulated_tiles[tile], place, sizeof pn_emulated_tiles[tile])
#define STREAM(tile, place, stride) pn_load_emulated_tile(pn_emulated_tiles[tile], place, stride)
#define STORE(tile, place) memcpy(place, pn_emulated_tiles[tile], sizeof pn_emulated_tiles[tile])
#define MULTIPLY(sum, left, right) \
    pn_multiply_emulated_tiles(pn_emulated_tiles[sum], pn_emulated_tiles[left], pn_emulated_tiles[right])
