// Attention of one head over tiles, forward and backward, a few rows at a time within the caches (Dao et al.,
// FlashAttention, arXiv 2205.14135, without cutting the keys).
#include "tile_result.h"

#if defined(__x86_64__)

// Rows whose probabilities are kept for the derivatives by keys and values.
enum { rows_together = 256 };

// Scratch memory. `queries`, `upstream` and `probabilities_left` are blocks of TILE_BLOCK rows packed as left factors.
typedef struct {
    size_t keys, width;
    // Keys and values, transposed, as right factors [width, keys], and as they are [keys, width]
    uint16_t *keys_transposed, *values_transposed, *keys_as_rows, *values_as_rows;
    uint16_t *left, *probabilities_left;
    // Sums of blocks, by blocks of keys
    float *scores, *score_gradient;
    // [rows_together, keys]
    uint16_t *probabilities, *score_gradients;
    uint16_t *packed_left, *packed_right;
} attention_room;

static size_t divide_room(const pn_tile_attention *a, float *scratch, attention_room *room) {
    uintptr_t from = (uintptr_t)scratch;
    room->keys = 0;
    for (size_t part = 0; part < a->parts; part++) room->keys += a->attended[part].count;
    room->width = padded(a->width);
    const size_t keys = padded(room->keys), factor = keys * room->width * sizeof(uint16_t);
    room->keys_transposed = taken(&from, factor);
    room->values_transposed = taken(&from, factor);
    room->keys_as_rows = taken(&from, factor);
    room->values_as_rows = taken(&from, factor);
    room->left = taken(&from, TILE_BLOCK * room->width * sizeof(uint16_t));
    room->probabilities_left = taken(&from, TILE_BLOCK * keys * sizeof(uint16_t));
    room->scores = taken(&from, TILE_BLOCK * keys * sizeof(float));
    room->score_gradient = taken(&from, TILE_BLOCK * keys * sizeof(float));
    room->probabilities = taken(&from, rows_together * keys * sizeof(uint16_t));
    room->score_gradients = taken(&from, rows_together * keys * sizeof(uint16_t));
    room->packed_left = taken(&from, rows_together * keys * sizeof(uint16_t));
    room->packed_right = taken(&from, rows_together * room->width * sizeof(uint16_t));
    return from - (uintptr_t)scratch;
}

static inline pn_tile_source rows_from(pn_tile_source source, size_t row) {
    source.numbers = (const char *)source.numbers + row * source.stride * (source.is_float ? 4 : 2);
    return source;
}

static inline pn_tile_source transposed(pn_tile_source source) {
    source.is_transposed = true;
    return source;
}

// Packs the rows of all parts, [keys, width] each, as a right factor [width, keys].
static void pack_transposed(const pn_tile_attention *a, bool values, uint16_t *packed) {
    for (size_t part = 0; part < a->parts; part++) {
        const pn_tile_attended *attended = a->attended + part;
        pn_tile_pack_right(attended->count, a->width, values ? attended->values : attended->keys, packed);
        packed += pn_tile_packed_count(attended->count, a->width);
    }
}

// Packs the rows of all parts as a right factor [keys, width]. The steps of a block of columns go through all parts.
static void pack_rows(const pn_tile_attention *a, bool values, const attention_room *room, uint16_t *packed) {
    const size_t steps = padded(room->keys) / TILE_STEP;
    for (size_t column = 0; column < a->width; column += TILE_BLOCK) {
        uint16_t *to = packed + column / TILE_BLOCK * steps * TILE_STEP_ELEMENTS;
        for (size_t part = 0; part < a->parts; part++) {
            const pn_tile_attended *attended = a->attended + part;
            pn_tile_source source = transposed(values ? attended->values : attended->keys);
            source.numbers = (const char *)source.numbers + column * (source.is_float ? 4 : 2);
            pn_tile_pack_right(least(TILE_BLOCK, a->width - column), attended->count, source, to);
            to += pn_tile_packed_count(TILE_BLOCK, attended->count);
        }
    }
}

static inline __attribute__((always_inline)) WITH_VECTORS __m512 exp2_16(__m512 t) {
    // NaN passes: the instruction returns its second operand then.
    t = _mm512_max_ps(_mm512_set1_ps(-126), t);
    return _mm512_scalef_ps(power_of_two_16(_mm512_reduce_ps(t, 1)), t);
}

// Turns the scores of a row into exponentials of scale (score - largest), rounds them as a row of a left factor, and
// returns one over their sum.
static inline __attribute__((always_inline)) WITH_VECTORS float exponentials(
    const attention_room *room, size_t row, float scale, float *log_sum) {
    const size_t blocks = parts(room->keys, TILE_BLOCK);
    const __mmask32 last = first_32(room->keys - (blocks - 1) * TILE_BLOCK);
    const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
    __m512 most = lowest;
    for (size_t block = 0; block < blocks; block++) {
        const __mmask32 mask = block + 1 < blocks ? 0xffffffffu : last;
        const row_of_sums x = sums_of_row(room->scores + block * block_floats, row);
        most = _mm512_mask_max_ps(most, (__mmask16)mask, most, x.first);
        most = _mm512_mask_max_ps(most, (__mmask16)(mask >> 16), most, x.second);
    }
    const float largest = _mm512_reduce_max_ps(most);
    const __m512 factor = _mm512_set1_ps(scale * 0x1.715476p+0f);
    const __m512 offset = _mm512_set1_ps(-largest * scale * 0x1.715476p+0f);
    __m512 sum = _mm512_setzero_ps();
    for (size_t block = 0; block < blocks; block++) {
        const __mmask32 mask = block + 1 < blocks ? 0xffffffffu : last;
        row_of_sums x = sums_of_row(room->scores + block * block_floats, row);
        x.first = _mm512_maskz_mov_ps((__mmask16)mask, exp2_16(_mm512_fmadd_ps(x.first, factor, offset)));
        x.second = _mm512_maskz_mov_ps((__mmask16)(mask >> 16), exp2_16(_mm512_fmadd_ps(x.second, factor, offset)));
        sum = _mm512_add_ps(sum, _mm512_add_ps(x.first, x.second));
        _mm512_store_si512(
            room->probabilities_left + block * TILE_STEP_ELEMENTS + row * TILE_STEP,
            (__m512i)_mm512_cvtne2ps_pbh(x.second, x.first));
    }
    const float total = _mm512_reduce_add_ps(sum);
    *log_sum = scale * largest + __builtin_logf(total);
    return 1.0f / total;
}

// The derivatives by the scores of a row, times scale, from the scores and the derivatives by the probabilities.
static inline __attribute__((always_inline)) WITH_VECTORS void score_gradients(
    const attention_room *room, size_t row, size_t place, float scale, float log_sum) {
    const size_t blocks = parts(room->keys, TILE_BLOCK), keys = padded(room->keys);
    const __mmask32 last = first_32(room->keys - (blocks - 1) * TILE_BLOCK);
    const __m512 factor = _mm512_set1_ps(scale * 0x1.715476p+0f);
    const __m512 offset = _mm512_set1_ps(-log_sum * 0x1.715476p+0f);
    __m512 dot = _mm512_setzero_ps();
    for (size_t block = 0; block < blocks; block++) {
        const __mmask32 mask = block + 1 < blocks ? 0xffffffffu : last;
        row_of_sums x = sums_of_row(room->scores + block * block_floats, row);
        const row_of_sums up = sums_of_row(room->score_gradient + block * block_floats, row);
        x.first = _mm512_maskz_mov_ps((__mmask16)mask, exp2_16(_mm512_fmadd_ps(x.first, factor, offset)));
        x.second = _mm512_maskz_mov_ps((__mmask16)(mask >> 16), exp2_16(_mm512_fmadd_ps(x.second, factor, offset)));
        dot = _mm512_fmadd_ps(x.first, up.first, _mm512_fmadd_ps(x.second, up.second, dot));
        float *to = room->scores + block * block_floats + row / 16 * 2 * tile_floats + row % 16 * 16;
        _mm512_store_ps(to, x.first);
        _mm512_store_ps(to + tile_floats, x.second);
    }
    const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(dot)), scales = _mm512_set1_ps(scale);
    for (size_t block = 0; block < blocks; block++) {
        const row_of_sums p = sums_of_row(room->scores + block * block_floats, row);
        const row_of_sums up = sums_of_row(room->score_gradient + block * block_floats, row);
        const __m512 first = _mm512_mul_ps(_mm512_mul_ps(scales, p.first), _mm512_sub_ps(up.first, mean));
        const __m512 second = _mm512_mul_ps(_mm512_mul_ps(scales, p.second), _mm512_sub_ps(up.second, mean));
        const __m512i gradient = (__m512i)_mm512_cvtne2ps_pbh(second, first);
        const size_t at = place * keys + block * TILE_BLOCK;
        _mm512_store_si512(room->probabilities_left + block * TILE_STEP_ELEMENTS + row * TILE_STEP, gradient);
        _mm512_store_si512(room->score_gradients + at, gradient);
        _mm512_store_si512(room->probabilities + at, (__m512i)_mm512_cvtne2ps_pbh(p.second, p.first));
    }
}

// Adds matrix^T rows to the derivatives by keys or values, or sets them: matrix is [count, keys], rows [count, width].
static void key_gradients(
    const pn_tile_attention *a, const attention_room *room, const uint16_t *matrix, pn_tile_source rows, size_t count,
    bool values, bool adds) {
    const size_t keys = padded(room->keys), block = padded(count) * TILE_BLOCK;
    pn_tile_pack_left(keys, count, (pn_tile_source){matrix, keys, true, false}, room->packed_left);
    pn_tile_pack_right(a->width, count, transposed(rows), room->packed_right);
    const uint16_t *left = room->packed_left;
    for (size_t part = 0; part < a->parts; part++) {
        const pn_tile_attended *attended = a->attended + part;
        pn_tile_multiply(
            &(pn_tile_factors){
                .rows = attended->count,
                .columns = a->width,
                .steps = padded(count) / TILE_STEP,
                .left = left,
                .left_block = block,
                .right = room->packed_right,
                .right_block = block},
            &(pn_tile_result){
                .kind = adds ? pn_tile_add : pn_tile_set,
                .c = values ? attended->value_gradient : attended->key_gradient,
                .stride = values ? attended->value_gradient_stride : attended->key_gradient_stride});
        left += attended->count / TILE_BLOCK * block;
    }
}

// In this order, each by itself: bodies are compiled once for each kind of tiles.
#include "tile_hardware.h"

#include "tile_block_body.h"

#include "tile_attention_body.h"

#include "tile_emulated.h"

#include "tile_block_body.h"

#include "tile_attention_body.h"

size_t pn_tile_attention_scratch(const pn_tile_attention *attention) {
    attention_room room;
    return parts(divide_room(attention, NULL, &room), sizeof(float));
}

void pn_tile_attention_forward(
    const pn_tile_attention *attention, void *out, bool rounds, size_t stride, float *log_sums, float *scratch) {
    require_tiles();
    (pn_tiles_are_emulated ? attention_forward_emulated
                           : attention_forward_by_hardware)(attention, out, rounds, stride, log_sums, scratch);
}

void pn_tile_attention_backward(
    const pn_tile_attention *attention, pn_tile_source upstream, const float *log_sums, float *query_gradient,
    size_t stride, float *scratch) {
    require_tiles();
    (pn_tiles_are_emulated ? attention_backward_emulated : attention_backward_by_hardware)(
        attention, upstream, log_sums, query_gradient, stride, scratch);
}
#else
// pn_kernels_have_tiles is false here.
size_t pn_tile_attention_scratch(const pn_tile_attention *attention) { return 0; }
void pn_tile_attention_forward(
    const pn_tile_attention *attention, void *out, bool rounds, size_t stride, float *log_sums, float *scratch) {
    __builtin_trap();
}
void pn_tile_attention_backward(
    const pn_tile_attention *attention, pn_tile_source upstream, const float *log_sums, float *query_gradient,
    size_t stride, float *scratch) {
    __builtin_trap();
}
#endif
