// What the files of tile kernels share: the instructions, and vectors of bf16 numbers.
#ifndef PIXNERD_TILES_PRIVATE_H
#define PIXNERD_TILES_PRIVATE_H

#include <stdint.h>
#include <string.h>

#include "CPixNerdKernels.h"
#include "level.h"
#include "transpose.h"

#if defined(__x86_64__)

#define WITH_TILES __attribute__((target(VECTORS ",amx-tile,amx-bf16")))

enum { tile_rows = 16, tile_elements = 512, step_bytes = 2 * TILE_STEP_ELEMENTS };

// Every tile has 16 rows of 64 bytes.
typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes_per_row[16];
    uint8_t rows[16];
} tile_configuration;

static const _Alignas(64) __attribute__((unused)) tile_configuration full_tiles = {
    .palette = 1,
    .bytes_per_row = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

typedef float emulated_tile[16][16];
extern _Thread_local emulated_tile pn_emulated_tiles[8] __attribute__((visibility("hidden")));
// A tile from rows `stride` bytes apart.
__attribute__((visibility("hidden"))) void pn_load_emulated_tile(emulated_tile tile, const void *place, size_t stride);
// sum += left right, over pairs of bf16 numbers.
__attribute__((visibility("hidden"))) void pn_multiply_emulated_tiles(
    emulated_tile sum, const emulated_tile left, const emulated_tile right);

// The product of factors in int8.
__attribute__((visibility("hidden"))) void pn_multiply_int8(
    const pn_tile_factors *factors, const pn_tile_result *result);

// Where the tiles of a left block lie, in bytes: from a row to the next, from the first tile of a step to the second,
// and from a step to the next.
typedef struct {
    size_t row, half, step;
} left_layout;

static const __attribute__((unused)) left_layout packed_left = {64, step_bytes / 2, step_bytes};

// Ends the program where a caller has not asked pn_kernels_have_tiles.
static inline void require_tiles(void) {
    if (!pn_has_tiles) __builtin_trap();
}

static inline size_t least(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t parts(size_t whole, size_t part) { return (whole + part - 1) / part; }

// The length of rows or columns that fill blocks.
static inline size_t padded(size_t n) { return parts(n, TILE_BLOCK) * TILE_BLOCK; }

// The next place in scratch memory, aligned to 64 bytes.
static inline void *taken(uintptr_t *from, size_t bytes) {
    const uintptr_t place = *from;
    *from += parts(bytes, 64) * 64;
    return (void *)place;
}

// Thirty-two bf16 numbers of a matrix; zero where the mask is not set.
static inline __attribute__((always_inline)) WITH_VECTORS __m512i
load_32(const void *numbers, size_t at, bool is_float, __mmask32 mask) {
    if (!is_float) return _mm512_maskz_loadu_epi16(mask, (const uint16_t *)numbers + at);
    const float *from = (const float *)numbers + at;
    return (__m512i)_mm512_cvtne2ps_pbh(
        _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), from + 16), _mm512_maskz_loadu_ps((__mmask16)mask, from));
}

// The numbers of rows 2 p and 2 p + 1 of a transposed source as pairs, of 16 columns from the first or the sixteenth.
static inline __attribute__((always_inline)) WITH_VECTORS __m512i pairs(__m512i even, __m512i odd, bool is_second) {
    const __m512i lower = _mm512_set_epi16(
        47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1,
        32, 0);
    const __m512i index = is_second ? _mm512_add_epi16(lower, _mm512_set1_epi16(16)) : lower;
    return _mm512_permutex2var_epi16(even, index, odd);
}

static inline __mmask32 first_32(size_t count) { return count >= 32 ? 0xffffffffu : ((uint32_t)1 << count) - 1; }
static inline __mmask16 first_16(size_t count) { return count >= 16 ? 0xffff : (__mmask16)((1u << count) - 1); }

// 2^f for 0 <= f < 1: a minimax polynomial with a relative error of 3e-6.
static inline __attribute__((always_inline)) WITH_VECTORS __m512 power_of_two_16(__m512 f) {
    __m512 p = _mm512_set1_ps(1.353417e-2f);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.201146e-2f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.4144276e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.9300383e-1f));
    return _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0000026f));
}

// 1 / (1 + e^-x) to a relative error of 1e-4, for results that are rounded to bf16: 2^t = 2^n 2^f with n = floor(t) and
// f = t - n.
static inline __attribute__((always_inline)) WITH_VECTORS __m512 sigmoid_16(__m512 x) {
    __m512 t = _mm512_mul_ps(x, _mm512_set1_ps(-0x1.715476p+0f));
    // NaN passes: both instructions return their second operand then.
    t = _mm512_max_ps(_mm512_set1_ps(-126), _mm512_min_ps(_mm512_set1_ps(126), t));
    return _mm512_rcp14_ps(
        _mm512_add_ps(_mm512_scalef_ps(power_of_two_16(_mm512_reduce_ps(t, 1)), t), _mm512_set1_ps(1)));
}

static inline __attribute__((always_inline)) WITH_VECTORS __m512 silu_16(__m512 x) {
    return _mm512_mul_ps(x, sigmoid_16(x));
}

#endif
#endif
