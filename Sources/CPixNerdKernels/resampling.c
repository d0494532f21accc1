// Image resampling in integers: the same bits at every level and on every machine.
#include "kernel.h"

enum { block_rows = PN_BLOCK_ROWS };

typedef uint8_t bytes16 __attribute__((vector_size(block_rows)));

INLINE uint8_t rounded(int32_t sum) {
    int32_t value = sum >> PN_WEIGHT_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static const int32_t half = 1 << (PN_WEIGHT_BITS - 1);

// Transposes sixteen rows of sixteen bytes by four rounds of a perfect shuffle of the rows' bytes.
INLINE void transpose(bytes16 rows[block_rows]) {
    for (int round = 0; round < 4; round++) {
        bytes16 mixed[block_rows];
        for (int i = 0; i < 8; i++) {
            bytes16 a = rows[i], b = rows[i + 8];
            mixed[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            mixed[2 * i + 1] =
                __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        }
        for (int i = 0; i < block_rows; i++) rows[i] = mixed[i];
    }
}

// Writes byte i of all sixteen rows to `columns + 16 * i`, for all i below `bytes`.
INLINE void rows_to_columns(const uint8_t *const rows[block_rows], size_t bytes, uint8_t *columns) {
    size_t i = 0;
    for (; i + block_rows <= bytes; i += block_rows) {
        bytes16 block[block_rows];
        for (int r = 0; r < block_rows; r++) memcpy(&block[r], rows[r] + i, block_rows);
        transpose(block);
        memcpy(columns + i * block_rows, block, sizeof block);
    }
    for (; i < bytes; i++) {
        for (int r = 0; r < block_rows; r++) columns[i * block_rows + (size_t)r] = rows[r][i];
    }
}

// The inverse of `rows_to_columns`, for the first `count` rows.
INLINE void columns_to_rows(const uint8_t *columns, size_t bytes, uint8_t *rows, size_t count) {
    size_t i = 0;
    for (; i + block_rows <= bytes; i += block_rows) {
        bytes16 block[block_rows];
        memcpy(block, columns + i * block_rows, sizeof block);
        transpose(block);
        for (size_t r = 0; r < count; r++) memcpy(rows + r * bytes + i, &block[r], block_rows);
    }
    for (; i < bytes; i++) {
        for (size_t r = 0; r < count; r++) rows[r * bytes + i] = columns[i * block_rows + r];
    }
}

KERNEL(
    void, pn_resample_rows,
    (const uint8_t *input, size_t input_stride, size_t input_width, uint8_t *output, size_t width, size_t rows,
     const int32_t *starts, const int32_t *counts, const int32_t *weights, size_t taps, uint8_t *scratch),
    (input, input_stride, input_width, output, width, rows, starts, counts, weights, taps, scratch)) {
    enum { pixel = 3 * block_rows };
    uint8_t *blended = scratch + input_width * pixel;
    for (size_t row = 0; row < rows; row += block_rows) {
        // Transposed, sixteen rows share each weight, and their bytes lie side by side.
        const size_t count = smaller(rows - row, block_rows);
        const uint8_t *sources[block_rows];
        for (size_t r = 0; r < block_rows; r++) sources[r] = input + (row + (r < count ? r : 0)) * input_stride;
        rows_to_columns(sources, input_width * 3, scratch);
        for (size_t x = 0; x < width; x++) {
            const uint8_t *from = scratch + (size_t)starts[x] * pixel;
            const int32_t *weight = weights + x * taps;
            int32_t sums[pixel];
            for (int j = 0; j < pixel; j++) sums[j] = half;
            for (int32_t tap = 0; tap < counts[x]; tap++) {
                for (int j = 0; j < pixel; j++) sums[j] += from[j] * weight[tap];
                from += pixel;
            }
            for (int j = 0; j < pixel; j++) blended[x * pixel + (size_t)j] = rounded(sums[j]);
        }
        columns_to_rows(blended, width * 3, output + row * width * 3, count);
    }
}

KERNEL(
    void, pn_blend_rows,
    (const uint8_t *input, size_t stride, uint8_t *output, size_t bytes, const int32_t *weights, size_t taps),
    (input, stride, output, bytes, weights, taps)) {
    enum { block = 64 };
    size_t i = 0;
    for (; i + block <= bytes; i += block) {
        int32_t sums[block];
        for (size_t j = 0; j < block; j++) sums[j] = half;
        for (size_t tap = 0; tap < taps; tap++) {
            const uint8_t *row = input + tap * stride + i;
            for (size_t j = 0; j < block; j++) sums[j] += row[j] * weights[tap];
        }
        for (size_t j = 0; j < block; j++) output[i + j] = rounded(sums[j]);
    }
    for (; i < bytes; i++) {
        int32_t sum = half;
        for (size_t tap = 0; tap < taps; tap++) sum += input[tap * stride + i] * weights[tap];
        output[i] = rounded(sum);
    }
}
