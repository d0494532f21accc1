// The transforms of the filters of Winograd's convolution.
#include "kernel.h"
#include "winograd.h"

// Filters that are transformed at once.
enum { filters_at_once = 64 };
typedef float filter_line[filters_at_once];

KERNEL(
    void, pn_winograd_filters,
    (size_t count, const float *restrict filters, size_t filter_stride, bool turned, size_t stride,
     float *restrict out),
    (count, filters, filter_stride, turned, stride, out)) {
    RELAXED
    float taps[9][filters_at_once], mixed[6][3][filters_at_once];
    for (size_t first = 0; first < count; first += filters_at_once) {
        const size_t length = smaller(filters_at_once, count - first);
        for (size_t i = 0; i < length; i++) {
            const float *restrict filter = filters + (first + i) * filter_stride;
            for (size_t tap = 0; tap < 9; tap++) taps[tap][i] = filter[turned ? 8 - tap : tap];
        }
        for (size_t column = 0; column < 3; column++) {
            VECTORIZED
            for (size_t i = 0; i < length; i++) {
                FILTER_TRANSFORM(
                    taps[column][i], taps[3 + column][i], taps[6 + column][i], mixed[0][column][i], mixed[1][column][i],
                    mixed[2][column][i], mixed[3][column][i], mixed[4][column][i], mixed[5][column][i]);
            }
        }
        for (size_t row = 0; row < 6; row++) {
            filter_line *restrict m = mixed[row];
            float *restrict to0 = out + (6 * row) * stride + first;
            float *restrict to1 = to0 + stride, *restrict to2 = to1 + stride, *restrict to3 = to2 + stride;
            float *restrict to4 = to3 + stride, *restrict to5 = to4 + stride;
            VECTORIZED
            for (size_t i = 0; i < length; i++) {
                FILTER_TRANSFORM(m[0][i], m[1][i], m[2][i], to0[i], to1[i], to2[i], to3[i], to4[i], to5[i]);
            }
        }
    }
}

KERNEL(
    void, pn_winograd_filters_backward,
    (size_t count, const float *restrict transformed, size_t stride, float *restrict gradient),
    (count, transformed, stride, gradient)) {
    RELAXED
    float taps[9][filters_at_once], mixed[3][6][filters_at_once];
    for (size_t first = 0; first < count; first += filters_at_once) {
        const size_t length = smaller(filters_at_once, count - first);
        for (size_t column = 0; column < 6; column++) {
            const float *restrict from = transformed + column * stride + first;
            VECTORIZED
            for (size_t i = 0; i < length; i++) {
                FILTER_TRANSPOSE(
                    from[i], from[6 * stride + i], from[12 * stride + i], from[18 * stride + i], from[24 * stride + i],
                    from[30 * stride + i], mixed[0][column][i], mixed[1][column][i], mixed[2][column][i]);
            }
        }
        for (size_t row = 0; row < 3; row++) {
            filter_line *restrict m = mixed[row];
            VECTORIZED
            for (size_t i = 0; i < length; i++) {
                FILTER_TRANSPOSE(
                    m[0][i], m[1][i], m[2][i], m[3][i], m[4][i], m[5][i], taps[3 * row][i], taps[3 * row + 1][i],
                    taps[3 * row + 2][i]);
            }
        }
        for (size_t i = 0; i < length; i++) {
            for (size_t tap = 0; tap < 9; tap++) gradient[(first + i) * 9 + tap] += taps[tap][i];
        }
    }
}
