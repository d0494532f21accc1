// The transforms of the tiles of Winograd's convolution; winograd.h has the method and its sources.
#include "winograd.h"
#include "kernel.h"

#define VECTORIZED_BY_8 _Pragma("clang loop vectorize_width(8)")
#define VECTORIZED_BY_8_ALONE _Pragma("clang loop vectorize_width(8) interleave_count(1)")

// Tiles that are transformed at once, of one row of tiles or of several; their workspace is on the stack.
enum { segment_tiles = 72 };
typedef float segment_line[segment_tiles];

// Stand-in for lines outside of a plane.
static const float zeros[4 * segment_tiles + 2];

// A run of tiles of one row of tiles, or of several whole rows that fit into a segment together.
struct segment {
    size_t first, tiles;  // the first column of tiles, and how many columns
    size_t together;      // rows of tiles that are transformed at once
    size_t start;         // the first column of pixels
};

// The segment from column `first` on. Each row of tiles is followed by `gap` unused tiles.
INLINE struct segment segment_from(const struct pn_winograd_walk *walk, size_t first, size_t gap) {
    const size_t rest = walk->tile_columns - first;
    const size_t tiles = rest < segment_tiles - gap ? rest : segment_tiles - gap;
    // Only whole rows of tiles follow each other in memory.
    const size_t together = tiles == walk->tile_columns ? segment_tiles / (tiles + gap) : 1;
    return (struct segment){first, tiles, together, 4 * first};
}

// Copies `length` numbers of each line. The usual lengths are constants, since a call of memcpy would take longer.
INLINE void copy_lines(
    size_t lines, size_t length, const float *restrict from, size_t from_stride, float *restrict to, size_t to_stride) {
#define COPY_LINES(n) \
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

// B^T of each tile of a line: six numbers a tile, number k of all tiles at out + k stride.
INLINE void transform_line(size_t tiles, const float *restrict line, size_t stride, float *restrict out) {
    RELAXED
    float *restrict to1 = out + stride, *restrict to2 = to1 + stride, *restrict to3 = to2 + stride;
    float *restrict to4 = to3 + stride, *restrict to5 = to4 + stride;
    VECTORIZED_BY_8_ALONE
    for (size_t t = 0; t < tiles; t++) {
        INPUT_TRANSFORM(
            line[4 * t], line[4 * t + 1], line[4 * t + 2], line[4 * t + 3], line[4 * t + 4], line[4 * t + 5], out[t],
            to1[t], to2[t], to3[t], to4[t], to5[t]);
    }
}

KERNEL(
    void, pn_winograd_input_rows,
    (const struct pn_winograd_walk *walk, size_t first_row, size_t rows, const float *restrict x, size_t picture_stride,
     size_t stride, float *restrict out),
    (walk, first_row, rows, x, picture_stride, stride, out)) {
    RELAXED
    const struct pn_winograd_walk w = *walk;
    float mixed[6][4 * segment_tiles + 8], transformed[6][segment_tiles];
    struct segment segment;
    for (size_t first = 0; first < w.tile_columns; first += segment.tiles) {
        segment = segment_from(&w, first, 1);
        const size_t start = segment.start, tiles = segment.tiles;
        // Numbers from ..< to of each line lie inside of the plane. The rest stays 0.
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
                    const bool inside = from < to && y >= w.top && y - w.top < w.height;
                    line[k] = inside ? plane + (y - w.top) * w.width + (start + from - w.left) : zeros;
                }
                const float *l0 = line[0], *l1 = line[1], *l2 = line[2], *l3 = line[3], *l4 = line[4], *l5 = line[5];
                const size_t at = 4 * (tiles + 1) * i + from;
                VECTORIZED_BY_8_ALONE
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
                    transform_line(tiles, mixed[row], stride, target);
                    continue;
                }
                transform_line(units, mixed[row], segment_tiles, transformed[0]);
                for (size_t column = 0; column < 6; column++) {
                    copy_lines(count, tiles, transformed[column], tiles + 1, target + column * stride, w.tile_columns);
                }
            }
        }
    }
}

KERNEL(
    void, pn_winograd_output_rows,
    (const struct pn_winograd_walk *walk, size_t first_row, size_t rows, const float *restrict products, size_t stride,
     float bias, bool adds, bool rectified, size_t picture_stride, float *restrict out),
    (walk, first_row, rows, products, stride, bias, adds, rectified, picture_stride, out)) {
    RELAXED
    const struct pn_winograd_walk w = *walk;
    float mixed[4][6][segment_tiles], lines[4][4 * segment_tiles];
    struct segment segment;
    for (size_t first = 0; first < w.tile_columns; first += segment.tiles) {
        segment = segment_from(&w, first, 0);
        const size_t start = segment.start, length = smaller(4 * segment.tiles, w.width - start);
        for (size_t group = 0; group < rows; group += segment.together) {
            const size_t count = smaller(segment.together, rows - group), units = count * segment.tiles;
            for (size_t column = 0; column < 6; column++) {
                const float *restrict from = products + column * stride + group * w.tile_columns + first;
                VECTORIZED_BY_8
                for (size_t t = 0; t < units; t++) {
                    OUTPUT_TRANSFORM(
                        from[t], from[6 * stride + t], from[12 * stride + t], from[18 * stride + t],
                        from[24 * stride + t], from[30 * stride + t], mixed[0][column][t], mixed[1][column][t],
                        mixed[2][column][t], mixed[3][column][t]);
                }
            }
            for (size_t row = 0; row < 4; row++) {
                segment_line *restrict m = mixed[row];
                float *restrict line = lines[row];
                VECTORIZED_BY_8
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
                        VECTORIZED_BY_8
                        for (size_t c = 0; c < length; c++) to[c] += from[c];
                    } else {
                        memcpy(to, from, length * sizeof(float));
                    }
                }
            }
        }
    }
}

KERNEL(
    void, pn_winograd_gradient_rows,
    (const struct pn_winograd_walk *walk, size_t first_row, size_t rows, const float *restrict upstream,
     size_t picture_stride, size_t stride, float *restrict out),
    (walk, first_row, rows, upstream, picture_stride, stride, out)) {
    RELAXED
    const struct pn_winograd_walk w = *walk;
    float mixed[6][4 * segment_tiles];
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
                VECTORIZED_BY_8_ALONE
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
                VECTORIZED_BY_8
                for (size_t t = 0; t < units; t++) {
                    OUTPUT_TRANSPOSE(
                        line[4 * t], line[4 * t + 1], line[4 * t + 2], line[4 * t + 3], to0[t], to1[t], to2[t], to3[t],
                        to4[t], to5[t]);
                }
            }
        }
    }
}
