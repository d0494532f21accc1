// Squares of an error by frequency: YCbCr in blocks of 8 x 8 pixels, under the cosine transform, as in JPEG.
#include "kernel.h"

enum { side = 8, block = side * side, channels = 3 };

// Rows are Y, Cb and Cr, columns R, G and B.
static const float to_ycbcr[channels][channels] = {
    {0.299f, 0.587f, 0.114f}, {-0.168736f, -0.331264f, 0.5f}, {0.5f, -0.418688f, -0.081312f}};

// The index that an index past the end is reflected to; the last element is not repeated.
INLINE size_t reflected(size_t index, size_t count) {
    if (index < count) return index;
    if (count == 1) return 0;
    const size_t period = 2 * (count - 1), place = index % period;
    return place < count ? place : period - place;
}

// Offsets in a plane of a block's rows, and its columns.
struct block_places {
    size_t rows[side], columns[side];
};

INLINE struct block_places places_of_block(size_t row, size_t column, size_t height, size_t width) {
    struct block_places places;
    for (size_t i = 0; i < side; i++) {
        places.rows[i] = reflected(row * side + i, height) * width;
        places.columns[i] = reflected(column * side + i, width);
    }
    return places;
}

// out = a b, matrices of 8 x 8.
INLINE void block_product(const float *restrict a, const float *restrict b, float *restrict out) {
    RELAXED
    for (size_t i = 0; i < side; i++) {
        float row[side] = {0};
        for (size_t k = 0; k < side; k++) {
            for (size_t j = 0; j < side; j++) row[j] += a[i * side + k] * b[k * side + j];
        }
        memcpy(out + i * side, row, sizeof row);
    }
}

// coefficients[3, 8, 8] of the block at `places` of error[3, plane].
INLINE void block_coefficients(
    const struct block_places *restrict places, size_t plane, const float *restrict cosines,
    const float *restrict error, float *restrict coefficients) {
    RELAXED
    float colours[channels * block], half[block];
    for (size_t y = 0; y < side; y++) {
        for (size_t x = 0; x < side; x++) {
            const float *restrict from = error + places->rows[y] + places->columns[x];
            for (size_t c = 0; c < channels; c++) {
                colours[c * block + y * side + x] =
                    to_ycbcr[c][0] * from[0] + to_ycbcr[c][1] * from[plane] + to_ycbcr[c][2] * from[2 * plane];
            }
        }
    }
    for (size_t c = 0; c < channels; c++) {
        block_product(cosines, colours + c * block, half);
        block_product(half, cosines + block, coefficients + c * block);
    }
}

KERNEL(
    double, pn_block_frequencies,
    (size_t height, size_t width, const float *restrict cosines, const float *restrict weights,
     const float *restrict error),
    (height, width, cosines, weights, error)) {
    RELAXED
    double sum = 0;
    float coefficients[channels * block];
    for (size_t row = 0; row * side < height; row++) {
        for (size_t column = 0; column * side < width; column++) {
            const struct block_places places = places_of_block(row, column, height, width);
            block_coefficients(&places, height * width, cosines, error, coefficients);
            float squares = 0;
            VECTORIZED
            for (size_t i = 0; i < channels * block; i++) squares += weights[i] * coefficients[i] * coefficients[i];
            sum += (double)squares;
        }
    }
    return sum;
}

KERNEL(
    void, pn_block_frequencies_backward,
    (size_t height, size_t width, const float *restrict cosines, const float *restrict weights, float scale,
     const float *restrict error, float *restrict gradient),
    (height, width, cosines, weights, scale, error, gradient)) {
    RELAXED
    const size_t plane = height * width;
    memset(gradient, 0, channels * plane * sizeof(float));
    float coefficients[channels * block], colours[channels * block], half[block];
    for (size_t row = 0; row * side < height; row++) {
        for (size_t column = 0; column * side < width; column++) {
            const struct block_places places = places_of_block(row, column, height, width);
            block_coefficients(&places, plane, cosines, error, coefficients);
            VECTORIZED
            for (size_t i = 0; i < channels * block; i++) coefficients[i] *= scale * weights[i];
            for (size_t c = 0; c < channels; c++) {
                block_product(cosines + block, coefficients + c * block, half);
                block_product(half, cosines, colours + c * block);
            }
            // A reflected pixel gets the gradients of all its images.
            for (size_t y = 0; y < side; y++) {
                for (size_t x = 0; x < side; x++) {
                    float *restrict to = gradient + places.rows[y] + places.columns[x];
                    const float *restrict from = colours + y * side + x;
                    for (size_t c = 0; c < channels; c++) {
                        to[c * plane] +=
                            to_ycbcr[0][c] * from[0] + to_ycbcr[1][c] * from[block] + to_ycbcr[2][c] * from[2 * block];
                    }
                }
            }
        }
    }
}
