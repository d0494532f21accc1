// The transforms of Winograd's convolution with 3 x 3 filters, four by four outputs at a time from six by six inputs
// (Winograd, "Arithmetic complexity of computations", 1980; Lavin and Gray, arXiv 1509.09308), with the points
// 0, +-5/8, +-3/2 and infinity: exact in binary, and half the rounding error of the usual 0, +-1, +-2 (the trade-off is
// that of Barabasz et al., arXiv 1803.10986).
#include "kernel.h"

#define P 0.625f
#define Q 1.5f
#define PP (P * P)
#define QQ (Q * Q)

// Tiles of a row that are transformed at once; their workspace is on the stack.
#define SEGMENT 64

// out = B^T d for six numbers a tap: numbers stand `step` apart, lanes side by side.
#define INPUT_TRANSFORM(d0, d1, d2, d3, d4, d5, v0, v1, v2, v3, v4, v5)          \
    do {                                                                        \
        const float even_p = d4 - QQ * d2, odd_p = P * (d3 - QQ * d1);          \
        const float even_q = d4 - PP * d2, odd_q = Q * (d3 - PP * d1);          \
        v0 = (PP * QQ) * d0 - (PP + QQ) * d2 + d4;                              \
        v1 = even_p + odd_p;                                                    \
        v2 = even_p - odd_p;                                                    \
        v3 = even_q + odd_q;                                                    \
        v4 = even_q - odd_q;                                                    \
        v5 = (PP * QQ) * d1 - (PP + QQ) * d3 + d5;                              \
    } while (0)

// y = A^T m
#define OUTPUT_TRANSFORM(m0, m1, m2, m3, m4, m5, y0, y1, y2, y3)                 \
    do {                                                                        \
        const float sum_p = m1 + m2, sum_q = m3 + m4;                           \
        const float difference_p = P * (m1 - m2), difference_q = Q * (m3 - m4); \
        y0 = m0 + sum_p + sum_q;                                                \
        y1 = difference_p + difference_q;                                       \
        y2 = PP * sum_p + QQ * sum_q;                                           \
        y3 = PP * difference_p + QQ * difference_q + m5;                        \
    } while (0)

// m = A y
#define OUTPUT_TRANSPOSE(y0, y1, y2, y3, m0, m1, m2, m3, m4, m5)                 \
    do {                                                                        \
        const float even_p = y0 + PP * y2, odd_p = P * (y1 + PP * y3);          \
        const float even_q = y0 + QQ * y2, odd_q = Q * (y1 + QQ * y3);          \
        m0 = y0;                                                                \
        m1 = even_p + odd_p;                                                    \
        m2 = even_p - odd_p;                                                    \
        m3 = even_q + odd_q;                                                    \
        m4 = even_q - odd_q;                                                    \
        m5 = y3;                                                                \
    } while (0)

// What the points give the filters' side: 1 / product of (p - other points).
#define AT_ZERO (1.0f / (PP * QQ))
#define AT_P (1.0f / (2.0f * PP * (PP - QQ)))
#define AT_Q (1.0f / (2.0f * QQ * (QQ - PP)))

// u = G g
#define FILTER_TRANSFORM(g0, g1, g2, u0, u1, u2, u3, u4, u5)                     \
    do {                                                                        \
        const float even_p = AT_P * (g0 + PP * g2), odd_p = (AT_P * P) * g1;    \
        const float even_q = AT_Q * (g0 + QQ * g2), odd_q = (AT_Q * Q) * g1;    \
        u0 = AT_ZERO * g0;                                                      \
        u1 = even_p + odd_p;                                                    \
        u2 = even_p - odd_p;                                                    \
        u3 = even_q + odd_q;                                                    \
        u4 = even_q - odd_q;                                                    \
        u5 = g2;                                                                \
    } while (0)

// g = G^T u
#define FILTER_TRANSPOSE(u0, u1, u2, u3, u4, u5, g0, g1, g2)                     \
    do {                                                                        \
        const float sum_p = AT_P * (u1 + u2), sum_q = AT_Q * (u3 + u4);         \
        g0 = AT_ZERO * u0 + sum_p + sum_q;                                      \
        g1 = (AT_P * P) * (u1 - u2) + (AT_Q * Q) * (u3 - u4);                   \
        g2 = PP * sum_p + QQ * sum_q + u5;                                      \
    } while (0)

KERNEL void winograd_input_row(
    const struct winograd_walk *walk, size_t tile_row, const float *restrict x, size_t stride, float *restrict out) {
    RELAXED
    const struct winograd_walk w = *walk;
    float lines[6][4 * SEGMENT + 2], mixed[6][4 * SEGMENT + 2];
    for (size_t first = 0; first < w.tile_columns; first += SEGMENT) {
        const size_t tiles = first + SEGMENT < w.tile_columns ? SEGMENT : w.tile_columns - first;
        const size_t length = 4 * tiles + 2;
        // The part of the lines that is inside of the plane: from ..< to of their numbers.
        const size_t start = 4 * first;
        size_t from = start < w.left ? w.left - start : 0;
        size_t to = start + length > w.width + w.left ? (w.width + w.left > start ? w.width + w.left - start : 0) : length;
        if (from > to) from = to;
        for (size_t row = 0; row < 6; row++) {
            const size_t y = 4 * tile_row + row;
            if (y < w.top || y - w.top >= w.height || from == to) {
                memset(lines[row], 0, length * sizeof(float));
                continue;
            }
            memset(lines[row], 0, from * sizeof(float));
            memcpy(lines[row] + from, x + (y - w.top) * w.width + start + from - w.left, (to - from) * sizeof(float));
            memset(lines[row] + to, 0, (length - to) * sizeof(float));
        }
        VECTORIZED
        for (size_t i = 0; i < length; i++) {
            INPUT_TRANSFORM(
                lines[0][i], lines[1][i], lines[2][i], lines[3][i], lines[4][i], lines[5][i], mixed[0][i], mixed[1][i],
                mixed[2][i], mixed[3][i], mixed[4][i], mixed[5][i]);
        }
        for (size_t row = 0; row < 6; row++) {
            const float *restrict line = mixed[row];
            float *restrict to0 = out + (6 * row) * stride + first;
            float *restrict to1 = to0 + stride, *restrict to2 = to1 + stride, *restrict to3 = to2 + stride;
            float *restrict to4 = to3 + stride, *restrict to5 = to4 + stride;
            _Pragma("clang loop vectorize_width(8)")
            for (size_t t = 0; t < tiles; t++) {
                INPUT_TRANSFORM(
                    line[4 * t], line[4 * t + 1], line[4 * t + 2], line[4 * t + 3], line[4 * t + 4], line[4 * t + 5],
                    to0[t], to1[t], to2[t], to3[t], to4[t], to5[t]);
            }
        }
    }
}

KERNEL void winograd_output_row(
    const struct winograd_walk *walk, size_t tile_row, const float *restrict products, size_t stride, float bias,
    int adds, float *restrict out) {
    RELAXED
    const struct winograd_walk w = *walk;
    float mixed[4][6][SEGMENT], lines[4][4 * SEGMENT];
    for (size_t first = 0; first < w.tile_columns; first += SEGMENT) {
        const size_t tiles = first + SEGMENT < w.tile_columns ? SEGMENT : w.tile_columns - first;
        for (size_t column = 0; column < 6; column++) {
            const float *restrict from = products + column * stride + first;
            _Pragma("clang loop vectorize_width(8)")
            for (size_t t = 0; t < tiles; t++) {
                OUTPUT_TRANSFORM(
                    from[t], from[6 * stride + t], from[12 * stride + t], from[18 * stride + t], from[24 * stride + t],
                    from[30 * stride + t], mixed[0][column][t], mixed[1][column][t], mixed[2][column][t],
                    mixed[3][column][t]);
            }
        }
        for (size_t row = 0; row < 4; row++) {
            float (*restrict m)[SEGMENT] = mixed[row];
            float *restrict line = lines[row];
            _Pragma("clang loop vectorize_width(8)")
            for (size_t t = 0; t < tiles; t++) {
                float y0, y1, y2, y3;
                OUTPUT_TRANSFORM(m[0][t], m[1][t], m[2][t], m[3][t], m[4][t], m[5][t], y0, y1, y2, y3);
                line[4 * t] = y0 + bias;
                line[4 * t + 1] = y1 + bias;
                line[4 * t + 2] = y2 + bias;
                line[4 * t + 3] = y3 + bias;
            }
        }
        const size_t start = 4 * first;
        const size_t length = start + 4 * tiles > w.width ? w.width - start : 4 * tiles;
        for (size_t row = 0; row < 4 && 4 * tile_row + row < w.height; row++) {
            float *restrict to = out + (4 * tile_row + row) * w.width + start;
            if (adds) {
                VECTORIZED
                for (size_t i = 0; i < length; i++) to[i] += lines[row][i];
            } else {
                memcpy(to, lines[row], length * sizeof(float));
            }
        }
    }
}

KERNEL void winograd_gradient_row(
    const struct winograd_walk *walk, size_t tile_row, const float *restrict upstream, size_t stride,
    float *restrict out) {
    RELAXED
    const struct winograd_walk w = *walk;
    float lines[4][4 * SEGMENT], mixed[6][4 * SEGMENT];
    for (size_t first = 0; first < w.tile_columns; first += SEGMENT) {
        const size_t tiles = first + SEGMENT < w.tile_columns ? SEGMENT : w.tile_columns - first;
        const size_t start = 4 * first;
        const size_t length = start + 4 * tiles > w.width ? w.width - start : 4 * tiles;
        for (size_t row = 0; row < 4; row++) {
            const size_t y = 4 * tile_row + row;
            const size_t inside = y < w.height ? length : 0;
            memcpy(lines[row], upstream + (y < w.height ? y : 0) * w.width + start, inside * sizeof(float));
            memset(lines[row] + inside, 0, (4 * tiles - inside) * sizeof(float));
        }
        VECTORIZED
        for (size_t i = 0; i < 4 * tiles; i++) {
            OUTPUT_TRANSPOSE(
                lines[0][i], lines[1][i], lines[2][i], lines[3][i], mixed[0][i], mixed[1][i], mixed[2][i], mixed[3][i],
                mixed[4][i], mixed[5][i]);
        }
        for (size_t row = 0; row < 6; row++) {
            const float *restrict line = mixed[row];
            float *restrict to0 = out + (6 * row) * stride + first;
            float *restrict to1 = to0 + stride, *restrict to2 = to1 + stride, *restrict to3 = to2 + stride;
            float *restrict to4 = to3 + stride, *restrict to5 = to4 + stride;
            _Pragma("clang loop vectorize_width(8)")
            for (size_t t = 0; t < tiles; t++) {
                OUTPUT_TRANSPOSE(
                    line[4 * t], line[4 * t + 1], line[4 * t + 2], line[4 * t + 3], to0[t], to1[t], to2[t], to3[t],
                    to4[t], to5[t]);
            }
        }
    }
}

// Filters that are transformed at once.
#define FILTERS 64

KERNEL void winograd_filters(
    size_t count, const float *restrict filters, size_t filter_stride, int turned, size_t stride, float *restrict out) {
    RELAXED
    float taps[9][FILTERS], mixed[6][3][FILTERS];
    for (size_t first = 0; first < count; first += FILTERS) {
        const size_t length = first + FILTERS < count ? FILTERS : count - first;
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
            float (*restrict m)[FILTERS] = mixed[row];
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

KERNEL void winograd_filters_backward(
    size_t count, const float *restrict transformed, size_t stride, float *restrict gradient) {
    RELAXED
    float taps[9][FILTERS], mixed[3][6][FILTERS];
    for (size_t first = 0; first < count; first += FILTERS) {
        const size_t length = first + FILTERS < count ? FILTERS : count - first;
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
            float (*restrict m)[FILTERS] = mixed[row];
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
