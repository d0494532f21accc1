// The passes of attention, over the tile instructions that the including file defines (see tile_hardware.h).
#define INLINE_TILES static inline __attribute__((always_inline)) BODY_TARGET

// The sums of a left block with all blocks of a right factor of `inner` steps.
INLINE_TILES void VARIANT(multiply_rows)(
    const uint16_t *left, const uint16_t *right, size_t columns, size_t inner, float *sums) {
    waiting_block none = {0};
    for (size_t column = 0; column < columns; column += TILE_BLOCK, sums += block_floats) {
        VARIANT(multiply_block)
        ((const char *)left, packed_left, (const char *)(right + column * inner), inner / TILE_STEP, sums, true, &none);
    }
}

static BODY_TARGET void VARIANT(attention_forward)(
    const pn_tile_attention *a, void *out, bool rounds, size_t stride, float *log_sums, float *scratch) {
    attention_room room;
    divide_room(a, scratch, &room);
    pack_transposed(a, false, room.keys_transposed);
    pack_rows(a, true, &room, room.values_as_rows);
    _Alignas(64) float sums[block_floats];
    float inverses[TILE_BLOCK];
    waiting_block none = {0};
    const size_t keys = padded(room.keys);
    CONFIGURE;
    for (size_t row = 0; row < a->rows; row += TILE_BLOCK) {
        const size_t count = least(TILE_BLOCK, a->rows - row);
        pn_tile_pack_left(count, a->width, rows_from(a->queries, row), room.left);
        VARIANT(multiply_rows)(room.left, room.keys_transposed, room.keys, room.width, room.scores);
        for (size_t i = 0; i < count; i++) inverses[i] = exponentials(&room, i, a->scale, log_sums + row + i);
        for (size_t column = 0; column < a->width; column += TILE_BLOCK) {
            VARIANT(multiply_block)
            ((const char *)room.probabilities_left, packed_left, (const char *)(room.values_as_rows + column * keys),
             keys / TILE_STEP, sums, true, &none);
            const __mmask32 mask = first_32(a->width - column);
            for (size_t i = 0; i < count; i++) {
                row_of_sums x = sums_of_row(sums, i);
                const __m512 inverse = _mm512_set1_ps(inverses[i]);
                x.first = _mm512_mul_ps(x.first, inverse);
                x.second = _mm512_mul_ps(x.second, inverse);
                const size_t at = (row + i) * stride + column;
                if (rounds) {
                    store_rounded(out, at, mask, x);
                } else {
                    _mm512_mask_storeu_ps((float *)out + at, (__mmask16)mask, x.first);
                    _mm512_mask_storeu_ps((float *)out + at + 16, (__mmask16)(mask >> 16), x.second);
                }
            }
        }
    }
    RELEASE;
}

// The derivatives by the queries of up to rows_together rows; keeps what those by keys and values need.
INLINE_TILES void VARIANT(query_gradients)(
    const pn_tile_attention *a, const attention_room *room, pn_tile_source upstream, size_t first, size_t rows,
    const float *log_sums, float *gradient, size_t stride) {
    _Alignas(64) float sums[block_floats];
    waiting_block none = {0};
    const size_t keys = padded(room->keys);
    CONFIGURE;
    for (size_t row = 0; row < rows; row += TILE_BLOCK) {
        const size_t count = least(TILE_BLOCK, rows - row);
        pn_tile_pack_left(count, a->width, rows_from(a->queries, first + row), room->left);
        VARIANT(multiply_rows)(room->left, room->keys_transposed, room->keys, room->width, room->scores);
        pn_tile_pack_left(count, a->width, rows_from(upstream, first + row), room->left);
        VARIANT(multiply_rows)(room->left, room->values_transposed, room->keys, room->width, room->score_gradient);
        for (size_t i = 0; i < count; i++) score_gradients(room, i, row + i, a->scale, log_sums[first + row + i]);
        for (size_t column = 0; column < a->width; column += TILE_BLOCK) {
            VARIANT(multiply_block)
            ((const char *)room->probabilities_left, packed_left, (const char *)(room->keys_as_rows + column * keys),
             keys / TILE_STEP, sums, true, &none);
            const __mmask32 mask = first_32(a->width - column);
            for (size_t i = 0; i < count; i++) {
                const row_of_sums x = sums_of_row(sums, i);
                float *to = gradient + (first + row + i) * stride + column;
                _mm512_mask_storeu_ps(to, (__mmask16)mask, x.first);
                _mm512_mask_storeu_ps(to + 16, (__mmask16)(mask >> 16), x.second);
            }
        }
    }
    RELEASE;
}

static BODY_TARGET void VARIANT(attention_backward)(
    const pn_tile_attention *a, pn_tile_source upstream, const float *log_sums, float *query_gradient, size_t stride,
    float *scratch) {
    attention_room room;
    divide_room(a, scratch, &room);
    pack_transposed(a, false, room.keys_transposed);
    pack_transposed(a, true, room.values_transposed);
    pack_rows(a, false, &room, room.keys_as_rows);
    for (size_t row = 0; row < a->rows; row += rows_together) {
        const size_t rows = least(rows_together, a->rows - row);
        VARIANT(query_gradients)(a, &room, upstream, row, rows, log_sums, query_gradient, stride);
        key_gradients(a, &room, room.probabilities, rows_from(upstream, row), rows, true, row > 0);
        key_gradients(a, &room, room.score_gradients, rows_from(a->queries, row), rows, false, row > 0);
    }
}

#undef INLINE_TILES
