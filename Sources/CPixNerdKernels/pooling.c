// ReLU, and pooling over windows of pixels.
#include "kernel.h"

KERNEL(
    void, pn_relu_rows, (size_t rows, size_t columns, size_t stride, float *restrict x), (rows, columns, stride, x)) {
    for (size_t row = 0; row < rows; row++) {
        float *restrict values = x + row * stride;
        VECTORIZED
        for (size_t i = 0; i < columns; i++) values[i] = values[i] > 0.0f ? values[i] : 0.0f;
    }
}

KERNEL(
    void, pn_relu_backward, (size_t count, const float *restrict out, float *restrict gradient),
    (count, out, gradient)) {
    VECTORIZED
    for (size_t i = 0; i < count; i++) gradient[i] = out[i] > 0.0f ? gradient[i] : 0.0f;
}

INLINE float larger(float a, float b) { return b > a ? b : a; }

KERNEL(
    void, pn_max_pool_2x2_forward,
    (size_t planes, size_t height, size_t width, const float *restrict x, float *restrict out),
    (planes, height, width, x, out)) {
    const size_t columns = width / 2;
    for (size_t plane = 0; plane < planes; plane++) {
        for (size_t row = 0; row < height / 2; row++, out += columns) {
            const float *restrict top = x + (plane * height + 2 * row) * width;
            const float *restrict bottom = top + width;
            for (size_t i = 0; i < columns; i++) {
                out[i] = larger(larger(top[2 * i], top[2 * i + 1]), larger(bottom[2 * i], bottom[2 * i + 1]));
            }
        }
    }
}

KERNEL(
    void, pn_max_pool_2x2_backward,
    (size_t planes, size_t height, size_t width, const float *restrict x, const float *restrict upstream,
     float *restrict gradient),
    (planes, height, width, x, upstream, gradient)) {
    const size_t columns = width / 2;
    for (size_t plane = 0; plane < planes; plane++, x += height * width, gradient += height * width) {
        // No window covers an odd last row or column.
        if (height % 2) memset(gradient + (height - 1) * width, 0, width * sizeof(float));
        for (size_t row = 0; row < height / 2; row++, upstream += columns) {
            const float *restrict top = x + 2 * row * width;
            const float *restrict bottom = top + width;
            float *restrict to_top = gradient + 2 * row * width;
            float *restrict to_bottom = to_top + width;
            if (width % 2) to_top[width - 1] = to_bottom[width - 1] = 0.0f;
            for (size_t i = 0; i < columns; i++) {
                const float a = top[2 * i], b = top[2 * i + 1], c = bottom[2 * i], d = bottom[2 * i + 1];
                const float largest = larger(larger(a, b), larger(c, d));
                const int is_a = a == largest, is_b = !is_a && b == largest;
                const int is_c = !is_a && !is_b && c == largest;
                to_top[2 * i] = is_a ? upstream[i] : 0.0f;
                to_top[2 * i + 1] = is_b ? upstream[i] : 0.0f;
                to_bottom[2 * i] = is_c ? upstream[i] : 0.0f;
                to_bottom[2 * i + 1] = is_a || is_b || is_c ? 0.0f : upstream[i];
            }
        }
    }
}

KERNEL(
    void, pn_max_pool_3x3,
    (size_t planes, size_t height, size_t width, size_t stride, size_t padding, const float *restrict x,
     float *restrict row, float *restrict out),
    (planes, height, width, stride, padding, x, row, out)) {
    const size_t out_height = (height + 2 * padding - 3) / stride + 1;
    const size_t out_width = (width + 2 * padding - 3) / stride + 1;
    for (size_t plane = 0; plane < planes; plane++, x += height * width) {
        for (size_t y = 0; y < out_height; y++, out += out_width) {
            const size_t top = y * stride > padding ? y * stride - padding : 0;
            const size_t end = y * stride + 3 - padding < height ? y * stride + 3 - padding : height;
            memcpy(row, x + top * width, width * sizeof(float));
            for (size_t source = top + 1; source < end; source++) {
                const float *restrict from = x + source * width;
                VECTORIZED
                for (size_t i = 0; i < width; i++) row[i] = from[i] > row[i] ? from[i] : row[i];
            }
            for (size_t i = 0; i < out_width; i++) {
                const size_t first = i * stride > padding ? i * stride - padding : 0;
                const size_t last = i * stride + 3 - padding < width ? i * stride + 3 - padding : width;
                float largest = row[first];
                for (size_t column = first + 1; column < last; column++) {
                    largest = row[column] > largest ? row[column] : largest;
                }
                out[i] = largest;
            }
        }
    }
}

KERNEL(
    void, pn_average_pool_3x3,
    (size_t planes, size_t height, size_t width, const float *restrict x, float *restrict row, float *restrict out),
    (planes, height, width, x, row, out)) {
    for (size_t plane = 0; plane < planes; plane++, x += height * width) {
        for (size_t y = 0; y < height; y++, out += width) {
            const size_t top = y > 0 ? y - 1 : 0;
            const size_t end = y + 2 < height ? y + 2 : height;
            memcpy(row, x + top * width, width * sizeof(float));
            for (size_t source = top + 1; source < end; source++) {
                const float *restrict from = x + source * width;
                VECTORIZED
                for (size_t i = 0; i < width; i++) row[i] += from[i];
            }
            const float rows = (float)(end - top);
            if (width == 1) {
                out[0] = row[0] / rows;
                continue;
            }
            const float inner = 1.0f / (3.0f * rows), edge = 1.0f / (2.0f * rows);
            out[0] = (row[0] + row[1]) * edge;
            VECTORIZED
            for (size_t i = 1; i < width - 1; i++) out[i] = (row[i - 1] + row[i] + row[i + 1]) * inner;
            out[width - 1] = (row[width - 2] + row[width - 1]) * edge;
        }
    }
}
