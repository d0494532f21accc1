// The transforms of Winograd's convolution with 3 x 3 filters, four by four outputs at a time from six by six inputs
// (Winograd, "Arithmetic complexity of computations", 1980; Lavin and Gray, arXiv 1509.09308), with the points
// 0, +-5/8, +-3/2 and infinity: exact in binary, and half the rounding error of the usual 0, +-1, +-2 (the trade-off is
// that of Barabasz et al., arXiv 1803.10986).
#include "kernel.h"

#define P 0.625f
#define Q 1.5f
#define PP (P * P)
#define QQ (Q * Q)

// Tiles that are transformed at once, of one row of tiles or of several; their workspace is on the stack.
#define SEGMENT 72

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

// Numbers outside of a plane.
static const float zeros[4 * SEGMENT + 2];

// Where some tiles of some rows of tiles are: as many rows at once as make a segment.
struct segment {
    size_t first, tiles;  // columns of tiles
    size_t together;      // rows of tiles at once
    size_t start;         // the first column of the tiles' own pixels
};

// `gap` tiles that are none stand behind those of each row.
INLINE struct segment segment_from(const struct pn_winograd_walk *walk, size_t first, size_t gap) {
    const size_t rest = walk->tile_columns - first;
    const size_t tiles = rest < SEGMENT - gap ? rest : SEGMENT - gap;
    // Rows follow each other only where a segment has all of their tiles.
    const size_t together = tiles == walk->tile_columns ? SEGMENT / (tiles + gap) : 1;
    return (struct segment){first, tiles, together, 4 * first};
}

INLINE size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

// Copies `length` numbers of each of some lines; of the usual lengths without a call, which would take longer.
INLINE void copy_lines(
    size_t lines, size_t length, const float *restrict from, size_t from_stride, float *restrict to, size_t to_stride) {
#define COPY_LINES(n)                                                                                           \
    for (size_t i = 0; i < lines; i++) memcpy(to + i * to_stride, from + i * from_stride, (n) * sizeof(float))
    switch (length) {
    case 1: COPY_LINES(1); return;
    case 2: COPY_LINES(2); return;
    case 4: COPY_LINES(4); return;
    case 5: COPY_LINES(5); return;
    case 6: COPY_LINES(6); return;
    case 7: COPY_LINES(7); return;
    case 8: COPY_LINES(8); return;
    default: COPY_LINES(length);
    }
#undef COPY_LINES
}

// The six numbers that B^T makes of each tile of a line, each kind `stride` floats from the next.
INLINE void turn_input(size_t tiles, const float *restrict line, size_t stride, float *restrict out) {
    RELAXED
    float *restrict to1 = out + stride, *restrict to2 = to1 + stride, *restrict to3 = to2 + stride;
    float *restrict to4 = to3 + stride, *restrict to5 = to4 + stride;
    _Pragma("clang loop vectorize_width(8) interleave_count(1)")
    for (size_t t = 0; t < tiles; t++) {
        INPUT_TRANSFORM(
            line[4 * t], line[4 * t + 1], line[4 * t + 2], line[4 * t + 3], line[4 * t + 4], line[4 * t + 5], out[t],
            to1[t], to2[t], to3[t], to4[t], to5[t]);
    }
}

KERNEL void pn_winograd_input_rows(
    const struct pn_winograd_walk *walk, size_t first_row, size_t rows, const float *restrict x, size_t picture_stride,
    size_t stride, float *restrict out) {
    RELAXED
    const struct pn_winograd_walk w = *walk;
    float mixed[6][4 * SEGMENT + 8], turned[6][SEGMENT];
    struct segment segment;
    for (size_t first = 0; first < w.tile_columns; first += segment.tiles) {
        segment = segment_from(&w, first, 1);
        const size_t start = segment.start, tiles = segment.tiles;
        // The part of the lines that is inside of the plane: from ..< to of their numbers. The rest stays 0.
        const size_t to = smaller(4 * tiles + 2, w.width + w.left > start ? w.width + w.left - start : 0);
        const size_t from = smaller(to, start < w.left ? w.left - start : 0);
        memset(mixed, 0, sizeof(mixed));
        for (size_t group = 0; group < rows; group += segment.together) {
            const size_t count = smaller(segment.together, rows - group);
            for (size_t i = 0; i < count; i++) {
                const size_t row = first_row + group + i, top = 4 * (row % w.tile_rows);
                const float *plane = x + row / w.tile_rows * picture_stride;
                const float *line[6];
                for (size_t k = 0; k < 6; k++) {
                    const size_t y = top + k;
                    const int inside = from < to && y >= w.top && y - w.top < w.height;
                    line[k] = inside ? plane + (y - w.top) * w.width + (start + from - w.left) : zeros;
                }
                const float *l0 = line[0], *l1 = line[1], *l2 = line[2], *l3 = line[3], *l4 = line[4], *l5 = line[5];
                const size_t at = 4 * (tiles + 1) * i + from;
                _Pragma("clang loop vectorize_width(8) interleave_count(1)")
                for (size_t c = 0; c < to - from; c++) {
                    INPUT_TRANSFORM(
                        l0[c], l1[c], l2[c], l3[c], l4[c], l5[c], mixed[0][at + c], mixed[1][at + c], mixed[2][at + c],
                        mixed[3][at + c], mixed[4][at + c], mixed[5][at + c]);
                }
            }
            const size_t units = (count * (tiles + 1) + 7) / 8 * 8;
            for (size_t row = 0; row < 6; row++) {
                float *restrict target = out + 6 * row * stride + group * w.tile_columns + first;
                if (count == 1) {
                    turn_input(tiles, mixed[row], stride, target);
                    continue;
                }
                turn_input(units, mixed[row], SEGMENT, turned[0]);
                for (size_t column = 0; column < 6; column++) {
                    copy_lines(count, tiles, turned[column], tiles + 1, target + column * stride, w.tile_columns);
                }
            }
        }
    }
}

KERNEL void pn_winograd_output_rows(
    const struct pn_winograd_walk *walk, size_t first_row, size_t rows, const float *restrict products, size_t stride,
    float bias, int adds, int rectified, size_t picture_stride, float *restrict out) {
    RELAXED
    const struct pn_winograd_walk w = *walk;
    float mixed[4][6][SEGMENT], lines[4][4 * SEGMENT];
    struct segment segment;
    for (size_t first = 0; first < w.tile_columns; first += segment.tiles) {
        segment = segment_from(&w, first, 0);
        const size_t start = segment.start, length = smaller(4 * segment.tiles, w.width - start);
        for (size_t group = 0; group < rows; group += segment.together) {
            const size_t count = smaller(segment.together, rows - group), units = count * segment.tiles;
            for (size_t column = 0; column < 6; column++) {
                const float *restrict from = products + column * stride + group * w.tile_columns + first;
                _Pragma("clang loop vectorize_width(8)")
                for (size_t t = 0; t < units; t++) {
                    OUTPUT_TRANSFORM(
                        from[t], from[6 * stride + t], from[12 * stride + t], from[18 * stride + t],
                        from[24 * stride + t], from[30 * stride + t], mixed[0][column][t], mixed[1][column][t],
                        mixed[2][column][t], mixed[3][column][t]);
                }
            }
            for (size_t row = 0; row < 4; row++) {
                float (*restrict m)[SEGMENT] = mixed[row];
                float *restrict line = lines[row];
                _Pragma("clang loop vectorize_width(8)")
                for (size_t t = 0; t < units; t++) {
                    float y0, y1, y2, y3;
                    OUTPUT_TRANSFORM(m[0][t], m[1][t], m[2][t], m[3][t], m[4][t], m[5][t], y0, y1, y2, y3);
                    line[4 * t] = y0 + bias;
                    line[4 * t + 1] = y1 + bias;
                    line[4 * t + 2] = y2 + bias;
                    line[4 * t + 3] = y3 + bias;
                }
                if (rectified) {
                    VECTORIZED
                    for (size_t i = 0; i < 4 * units; i++) line[i] = line[i] > 0.0f ? line[i] : 0.0f;
                }
            }
            for (size_t i = 0; i < count; i++) {
                const size_t row = first_row + group + i, top = 4 * (row % w.tile_rows);
                float *plane = out + row / w.tile_rows * picture_stride;
                for (size_t k = 0; k < 4 && top + k < w.height; k++) {
                    float *restrict to = plane + (top + k) * w.width + start;
                    const float *restrict from = lines[k] + 4 * segment.tiles * i;
                    if (adds) {
                        _Pragma("clang loop vectorize_width(8)")
                        for (size_t c = 0; c < length; c++) to[c] += from[c];
                    } else {
                        memcpy(to, from, length * sizeof(float));
                    }
                }
            }
        }
    }
}

KERNEL void pn_winograd_gradient_rows(
    const struct pn_winograd_walk *walk, size_t first_row, size_t rows, const float *restrict upstream,
    size_t picture_stride, size_t stride, float *restrict out) {
    RELAXED
    const struct pn_winograd_walk w = *walk;
    float mixed[6][4 * SEGMENT];
    struct segment segment;
    for (size_t first = 0; first < w.tile_columns; first += segment.tiles) {
        segment = segment_from(&w, first, 0);
        const size_t start = segment.start, length = smaller(4 * segment.tiles, w.width - start);
        memset(mixed, 0, sizeof(mixed));
        for (size_t group = 0; group < rows; group += segment.together) {
            const size_t count = smaller(segment.together, rows - group), units = count * segment.tiles;
            for (size_t i = 0; i < count; i++) {
                const size_t row = first_row + group + i, top = 4 * (row % w.tile_rows);
                const float *plane = upstream + row / w.tile_rows * picture_stride;
                const float *line[4];
                for (size_t k = 0; k < 4; k++) {
                    line[k] = top + k < w.height ? plane + (top + k) * w.width + start : zeros;
                }
                const float *l0 = line[0], *l1 = line[1], *l2 = line[2], *l3 = line[3];
                const size_t at = 4 * segment.tiles * i;
                _Pragma("clang loop vectorize_width(8) interleave_count(1)")
                for (size_t c = 0; c < length; c++) {
                    OUTPUT_TRANSPOSE(
                        l0[c], l1[c], l2[c], l3[c], mixed[0][at + c], mixed[1][at + c], mixed[2][at + c],
                        mixed[3][at + c], mixed[4][at + c], mixed[5][at + c]);
                }
            }
            for (size_t row = 0; row < 6; row++) {
                const float *restrict line = mixed[row];
                float *restrict to0 = out + 6 * row * stride + group * w.tile_columns + first;
                float *restrict to1 = to0 + stride, *restrict to2 = to1 + stride, *restrict to3 = to2 + stride;
                float *restrict to4 = to3 + stride, *restrict to5 = to4 + stride;
                _Pragma("clang loop vectorize_width(8)")
                for (size_t t = 0; t < units; t++) {
                    OUTPUT_TRANSPOSE(
                        line[4 * t], line[4 * t + 1], line[4 * t + 2], line[4 * t + 3], to0[t], to1[t], to2[t], to3[t],
                        to4[t], to5[t]);
                }
            }
        }
    }
}

// Filters that are transformed at once.
#define FILTERS 64

KERNEL void pn_winograd_filters(
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

KERNEL void pn_winograd_filters_backward(
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
