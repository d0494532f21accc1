// Tiles in memory; see tile_emulated.h.
#include "tiles.h"

#if defined(__x86_64__)

_Thread_local emulated_tile pn_emulated_tiles[8];

static inline float widened(uint16_t bits) {
    const uint32_t all = (uint32_t)bits << 16;
    float number;
    memcpy(&number, &all, sizeof number);
    return number;
}

void pn_load_emulated_tile(emulated_tile tile, const void *place, size_t stride) {
    for (size_t row = 0; row < 16; row++) memcpy(tile[row], (const char *)place + row * stride, sizeof tile[row]);
}

void pn_multiply_emulated_tiles(emulated_tile sum, const emulated_tile left, const emulated_tile right) {
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
#endif
