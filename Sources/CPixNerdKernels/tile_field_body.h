// The passes of the field, over the tile instructions that the including file defines (see tile_hardware.h).
#define INLINE_TILES static inline __attribute__((always_inline)) BODY_TARGET

// sums = left right for a block of pixels and a block of columns.
INLINE_TILES void VARIANT(multiply_pixels)(const uint16_t *left, const uint16_t *right, size_t inner, float *sums) {
    waiting_block none = {0};
    VARIANT(multiply_block)
    ((const char *)left, packed_left, (const char *)right, padded(inner) / TILE_STEP, sums, true, &none);
}

static BODY_TARGET void VARIANT(field_forward)(
    const pn_tile_field *f, const uint16_t *generated, const float *norm, float *state, float *scratch) {
    field_room room;
    divide_room(f, scratch, &room);
    pack_weights(generated, f->width, f->inner, true, room.first, room.first_reciprocals);
    pack_weights(
        generated + f->width * f->inner, f->inner, f->width, f->normalizes_second, room.second,
        room.second_reciprocals);
    _Alignas(64) float sums[2][block_floats];
    size_t set = 0;
    CONFIGURE;
    for (size_t pixel = 0; pixel < f->pixels; pixel += TILE_BLOCK) {
        const size_t count = least(TILE_BLOCK, f->pixels - pixel);
        float *rows = state + pixel * f->width;
        pack_normalized(f, rows, norm, count, room.left, NULL);
        for (size_t column = 0; column < f->inner; column += TILE_BLOCK, set ^= 1) {
            VARIANT(multiply_pixels)(room.left, room.first + column * padded(f->width), f->width, sums[set]);
            const row_of_sums scale = load_row(room.first_reciprocals + column, 0xffffffffu);
            for (size_t row = 0; row < TILE_BLOCK; row++) {
                const row_of_sums x = times(sums_of_row(sums[set], row), scale);
                _mm512_store_si512(
                    room.hidden_left + column * TILE_BLOCK + row * TILE_STEP,
                    rounded_row((row_of_sums){silu_16(x.first), silu_16(x.second)}));
            }
        }
        for (size_t column = 0; column < f->width; column += TILE_BLOCK, set ^= 1) {
            VARIANT(multiply_pixels)(room.hidden_left, room.second + column * padded(f->inner), f->inner, sums[set]);
            const row_of_sums scale = load_row(room.second_reciprocals + column, 0xffffffffu);
            const __mmask32 mask = first_32(f->width - column);
            for (size_t row = 0; row < count; row++) {
                const row_of_sums x = times(sums_of_row(sums[set], row), scale);
                row_of_sums before = load_row(rows + row * f->width + column, mask);
                before.first = _mm512_add_ps(before.first, x.first);
                before.second = _mm512_add_ps(before.second, x.second);
                store_row(rows + row * f->width + column, mask, before);
            }
        }
    }
    RELEASE;
}

// Keeps RMSNorm(state), silu(h) and silu'(h) of all pixels, and the derivative by the state after the block in bf16.
INLINE_TILES void VARIANT(recompute)(
    const pn_tile_field *f, const field_room *room, const float *norm, const float *state, const float *gradient) {
    _Alignas(64) float sums[2][block_floats];
    size_t set = 0;
    const size_t width = padded(f->width), inner = padded(f->inner);
    for (size_t pixel = 0; pixel < f->pixels; pixel += TILE_BLOCK) {
        const size_t count = least(TILE_BLOCK, f->pixels - pixel);
        pack_normalized(f, state + pixel * f->width, norm, count, room->left, room->normalized + pixel * width);
        for (size_t column = 0; column < f->inner; column += TILE_BLOCK, set ^= 1) {
            VARIANT(multiply_pixels)(room->left, room->first + column * width, f->width, sums[set]);
            const row_of_sums scale = load_row(room->first_reciprocals + column, 0xffffffffu);
            for (size_t row = 0; row < TILE_BLOCK; row++) {
                const row_of_sums x = times(sums_of_row(sums[set], row), scale);
                const row_of_sums s = {sigmoid_16(x.first), sigmoid_16(x.second)};
                const row_of_sums silu = times(x, s);
                // silu'(h) = s + silu(h) (1 - s)
                const row_of_sums slope = {
                    _mm512_add_ps(s.first, _mm512_fnmadd_ps(silu.first, s.first, silu.first)),
                    _mm512_add_ps(s.second, _mm512_fnmadd_ps(silu.second, s.second, silu.second))};
                const size_t at = (pixel + row) * inner + column;
                _mm512_store_si512(room->activated + at, rounded_row(silu));
                _mm512_store_si512(room->slope + at, rounded_row(slope));
            }
        }
        for (size_t row = 0; row < TILE_BLOCK; row++) {
            for (size_t i = 0; i < f->width; i += TILE_STEP) {
                const __mmask32 mask = row < count ? first_32(f->width - i) : 0;
                _mm512_store_si512(
                    room->upstream + (pixel + row) * width + i,
                    rounded_row(load_row(gradient + (pixel + row) * f->width + i, mask)));
            }
        }
    }
}

// Computes the derivative by h, and turns the derivative by the state after the block into that by the state before it.
INLINE_TILES void VARIANT(descend)(
    const pn_tile_field *f, const field_room *room, const float *norm, const float *state, float *gradient,
    float *norm_gradient) {
    _Alignas(64) float sums[2][block_floats];
    size_t set = 0;
    const size_t width = padded(f->width), inner = padded(f->inner);
    for (size_t pixel = 0; pixel < f->pixels; pixel += TILE_BLOCK) {
        const size_t count = least(TILE_BLOCK, f->pixels - pixel);
        // The factors of the columns of W2 are rows' factors in its transpose, and are put on the left.
        for (size_t row = 0; row < TILE_BLOCK; row++) {
            for (size_t i = 0; i < f->width; i += TILE_STEP) {
                const __mmask32 mask = row < count ? first_32(f->width - i) : 0;
                _mm512_store_si512(
                    room->left + i * TILE_BLOCK + row * TILE_STEP,
                    rounded_row(times(
                        load_row(gradient + (pixel + row) * f->width + i, mask),
                        load_row(room->second_reciprocals + i, mask))));
            }
        }
        for (size_t column = 0; column < f->inner; column += TILE_BLOCK, set ^= 1) {
            VARIANT(multiply_pixels)(room->left, room->second_transposed + column * width, f->width, sums[set]);
            const row_of_sums scale = load_row(room->first_reciprocals + column, first_32(f->inner - column));
            for (size_t row = 0; row < TILE_BLOCK; row++) {
                const size_t at = (pixel + row) * inner + column;
                const row_of_sums x = times(sums_of_row(sums[set], row), load_rounded(room->slope, at, 0xffffffffu));
                _mm512_store_si512(room->hidden_gradient + at, rounded_row(x));
                _mm512_store_si512(
                    room->hidden_left + column * TILE_BLOCK + row * TILE_STEP, rounded_row(times(x, scale)));
            }
        }
        for (size_t column = 0; column < f->width; column += TILE_BLOCK, set ^= 1) {
            VARIANT(multiply_pixels)(room->hidden_left, room->first_transposed + column * inner, f->inner, sums[set]);
            const __mmask32 mask = first_32(f->width - column);
            for (size_t row = 0; row < count; row++)
                store_row(room->normalized_gradient + row * f->width + column, mask, sums_of_row(sums[set], row));
        }
        pn_rms_norm_backward(
            count, f->width, f->epsilon, state + pixel * f->width, norm, room->normalized_gradient,
            gradient + pixel * f->width, norm_gradient);
    }
}

static BODY_TARGET void VARIANT(field_backward)(
    const pn_tile_field *f, uint16_t *generated, const float *norm, const float *state, float *gradient,
    float *norm_gradient, float *scratch) {
    field_room room;
    divide_room(f, scratch, &room);
    uint16_t *const second = generated + f->width * f->inner;
    pack_weights(generated, f->width, f->inner, true, room.first, room.first_reciprocals);
    pack_weights(second, f->inner, f->width, f->normalizes_second, room.second, room.second_reciprocals);
    pn_tile_pack_right(f->inner, f->width, (pn_tile_source){second, f->width, false, false}, room.second_transposed);
    pn_tile_pack_right(f->width, f->inner, (pn_tile_source){generated, f->inner, false, false}, room.first_transposed);
    CONFIGURE;
    VARIANT(recompute)(f, &room, norm, state, gradient);
    VARIANT(descend)(f, &room, norm, state, gradient, norm_gradient);
    RELEASE;
    weight_gradient(
        f, &room, room.activated, f->inner, room.upstream, f->width,
        f->normalizes_second ? room.second_reciprocals : NULL, second);
    weight_gradient(
        f, &room, room.normalized, f->width, room.hidden_gradient, f->inner, room.first_reciprocals, generated);
}

#undef INLINE_TILES
