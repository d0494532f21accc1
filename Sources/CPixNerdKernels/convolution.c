// im2col and its inverse (Chellapilla et al., "High performance convolutional neural networks for document processing",
// 2006), and upsampling.
#include "kernel.h"

// Output positions first ..< last along an axis, for which a tap of the filter reads inside 0 ..< length.
struct inside {
    size_t first, last;
};

INLINE struct inside positions_inside(size_t outputs, size_t length, size_t stride, size_t tap, size_t padding) {
    struct inside range;
    range.first = tap < padding ? (padding - tap + stride - 1) / stride : 0;
    range.last = length + padding > tap ? (length + padding - tap + stride - 1) / stride : 0;
    if (range.last > outputs) range.last = outputs;
    if (range.first > range.last) range.first = range.last;
    return range;
}

KERNEL(
    void, pn_convolution_columns,
    (const struct pn_convolution_walk *walk, size_t channels, size_t first_row, size_t rows, const float *restrict x,
     size_t column_stride, float *restrict columns),
    (walk, channels, first_row, rows, x, column_stride, columns)) {
    const struct pn_convolution_walk w = *walk;
    for (size_t channel = 0; channel < channels; channel++) {
        const float *plane = x + channel * w.height * w.width;
        for (size_t ky = 0; ky < w.kernel_height; ky++) {
            const struct inside ys = positions_inside(w.out_height, w.height, w.stride, ky, w.top);
            for (size_t kx = 0; kx < w.kernel_width; kx++) {
                const struct inside xs = positions_inside(w.out_width, w.width, w.stride, kx, w.left);
                float *to = columns + ((channel * w.kernel_height + ky) * w.kernel_width + kx) * column_stride;
                for (size_t y = first_row; y < first_row + rows; y++, to += w.out_width) {
                    if (y < ys.first || y >= ys.last || xs.first == xs.last) {
                        memset(to, 0, w.out_width * sizeof(float));
                        continue;
                    }
                    const float *from =
                        plane + (y * w.stride + ky - w.top) * w.width + (xs.first * w.stride + kx - w.left);
                    memset(to, 0, xs.first * sizeof(float));
                    if (w.stride == 1) {
                        memcpy(to + xs.first, from, (xs.last - xs.first) * sizeof(float));
                    } else {
                        float *restrict inner = to + xs.first;
                        for (size_t i = 0; i < xs.last - xs.first; i++) inner[i] = from[i * w.stride];
                    }
                    memset(to + xs.last, 0, (w.out_width - xs.last) * sizeof(float));
                }
            }
        }
    }
}

KERNEL(
    void, pn_convolution_columns_backward,
    (const struct pn_convolution_walk *walk, size_t channels, size_t first_row, size_t rows,
     const float *restrict columns, size_t column_stride, float *restrict gradient),
    (walk, channels, first_row, rows, columns, column_stride, gradient)) {
    const struct pn_convolution_walk w = *walk;
    for (size_t channel = 0; channel < channels; channel++) {
        float *plane = gradient + channel * w.height * w.width;
        for (size_t ky = 0; ky < w.kernel_height; ky++) {
            const struct inside ys = positions_inside(w.out_height, w.height, w.stride, ky, w.top);
            for (size_t kx = 0; kx < w.kernel_width; kx++) {
                const struct inside xs = positions_inside(w.out_width, w.width, w.stride, kx, w.left);
                const float *from = columns + ((channel * w.kernel_height + ky) * w.kernel_width + kx) * column_stride;
                for (size_t y = first_row; y < first_row + rows; y++, from += w.out_width) {
                    if (y < ys.first || y >= ys.last) continue;
                    float *restrict to =
                        plane + (y * w.stride + ky - w.top) * w.width + xs.first * w.stride + kx - w.left;
                    const float *restrict inner = from + xs.first;
                    if (w.stride == 1) {
                        VECTORIZED
                        for (size_t i = 0; i < xs.last - xs.first; i++) to[i] += inner[i];
                    } else {
                        for (size_t i = 0; i < xs.last - xs.first; i++) to[i * w.stride] += inner[i];
                    }
                }
            }
        }
    }
}

KERNEL(
    void, pn_upsample_forward,
    (size_t planes, size_t height, size_t width, const float *restrict x, float *restrict out),
    (planes, height, width, x, out)) {
    for (size_t row = 0; row < planes * height; row++) {
        const float *restrict from = x + row * width;
        float *restrict to = out + row * 4 * width;
        for (size_t i = 0; i < width; i++) {
            to[2 * i] = from[i];
            to[2 * i + 1] = from[i];
        }
        memcpy(to + 2 * width, to, 2 * width * sizeof(float));
    }
}

KERNEL(
    void, pn_upsample_backward,
    (size_t planes, size_t height, size_t width, const float *restrict upstream, float *restrict gradient),
    (planes, height, width, upstream, gradient)) {
    for (size_t row = 0; row < planes * height; row++) {
        const float *restrict above = upstream + row * 4 * width;
        const float *restrict below = above + 2 * width;
        float *restrict to = gradient + row * width;
        for (size_t i = 0; i < width; i++) to[i] = above[2 * i] + above[2 * i + 1] + below[2 * i] + below[2 * i + 1];
    }
}
