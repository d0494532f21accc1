// The tile instructions as the processor has them (Intel AMX), for the files whose names end in _body.h.
//
// VARIANT(name) is the name of a function over them. Every tile has 16 rows of 64 bytes.
#undef VARIANT
#undef BODY_TARGET
#undef CONFIGURE
#undef RELEASE
#undef ZERO
#undef LOAD
#undef STREAM
#undef STORE
#undef MULTIPLY

#define VARIANT(name) name##_by_hardware
#define BODY_TARGET WITH_TILES
#define CONFIGURE _tile_loadconfig(&full_tiles)
#define RELEASE _tile_release()
#define ZERO(tile) _tile_zero(tile)
#define LOAD(tile, place) _tile_loadd(tile, place, 64)
// A load of what need not stay in the first-level cache, with rows `stride` bytes apart.
#define STREAM(tile, place, stride) _tile_stream_loadd(tile, place, stride)
#define STORE(tile, place) _tile_stored(tile, place, 64)
#define MULTIPLY(sum, left, right) _tile_dpbf16ps(sum, left, right)
