// The products of tile_product.c over tiles in memory, for tests on processors with AVX-512 BF16 and without AMX.
#include "tiles.h"

#if defined(__x86_64__)

typedef float emulated_tile[16][16];

static inline float widened(uint16_t bits) {
    const uint32_t all = (uint32_t)bits << 16;
    float number;
    memcpy(&number, &all, sizeof number);
    return number;
}

// sum += left right, over pairs of bf16 numbers.
static void multiply(emulated_tile sum, const emulated_tile left, const emulated_tile right) {
    for (int row = 0; row < 16; row++) {
        for (int pair = 0; pair < 16; pair++) {
            uint16_t factor[2], others[32];
            memcpy(factor, &left[row][pair], sizeof factor);
            memcpy(others, right[pair], sizeof others);
            for (int column = 0; column < 16; column++) {
                sum[row][column] += widened(factor[0]) * widened(others[2 * column])
                    + widened(factor[1]) * widened(others[2 * column + 1]);
            }
        }
    }
}

static _Thread_local emulated_tile tiles[8];

#define BODY_TARGET WITH_VECTORS
#define BODY_NAME pn_tile_multiply_emulated
#define CONFIGURE (void)0
#define RELEASE (void)0
#define ZERO(tile) memset(tiles[tile], 0, sizeof tiles[tile])
#define LOAD(tile, place) memcpy(tiles[tile], place, sizeof tiles[tile])
#define STREAM(tile, place) LOAD(tile, place)
#define STORE(tile, place) memcpy(place, tiles[tile], sizeof tiles[tile])
#define MULTIPLY(sum, left, right) multiply(tiles[sum], tiles[left], tiles[right])
void pn_tile_multiply_emulated(const pn_tile_factors *factors, const pn_tile_result *result);
#include "tile_product_body.h"
#endif
