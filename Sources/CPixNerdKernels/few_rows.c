// Matrix multiplications whose left factor has few rows. They are bound by reading the weights from memory, which
// happens once.
#include "kernel.h"

enum { lanes = 16, columns_at_once = 4 };
typedef float vector __attribute__((vector_size(lanes * sizeof(float)), aligned(sizeof(float)), may_alias));

INLINE float sum_of_lanes(const vector *x) {
    float lane[lanes];
    memcpy(lane, x, sizeof lane);
    for (int half = lanes / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) lane[i] += lane[i + half];
    }
    return lane[0];
}

// `rows` and `columns` are constants where this is inlined. The order of a sum does not depend on them.
INLINE void multiply_block(
    const size_t rows, const size_t columns, size_t inner, size_t stride, const float *x, const float *weight,
    const float *bias, float *out) {
    RELAXED
    vector sums[columns_at_once][FEW_ROWS] = {{{0}}};
    size_t i = 0;
    for (; i + lanes <= inner; i += lanes) {
        for (size_t column = 0; column < columns; column++) {
            const vector w = *(const vector *)(weight + column * inner + i);
            for (size_t row = 0; row < rows; row++) sums[column][row] += w * *(const vector *)(x + row * inner + i);
        }
    }
    for (size_t column = 0; column < columns; column++) {
        for (size_t row = 0; row < rows; row++) {
            float sum = sum_of_lanes(&sums[column][row]);
            for (size_t k = i; k < inner; k++) sum += weight[column * inner + k] * x[row * inner + k];
            out[row * stride + column] = sum + (bias ? bias[column] : 0);
        }
    }
}

// `rows` and `at_once` are constants where this is inlined.
INLINE void multiply_rows(
    const size_t rows, const size_t at_once, size_t columns, size_t inner, size_t stride, const float *x,
    const float *weight, const float *bias, float *out) {
    size_t at = 0;
    for (; at + at_once <= columns; at += at_once) {
        multiply_block(rows, at_once, inner, stride, x, weight + at * inner, bias ? bias + at : NULL, out + at);
    }
    for (; at < columns; at++) {
        multiply_block(rows, 1, inner, stride, x, weight + at * inner, bias ? bias + at : NULL, out + at);
    }
}

KERNEL(
    void, pn_multiply_few_rows,
    (size_t rows, size_t columns, size_t inner, size_t stride, const float *x, const float *weight, const float *bias,
     float *out),
    (rows, columns, inner, stride, x, weight, bias, out)) {
    // As many streams of weights as leave room for the sums in 32 registers of 512 bits.
    switch (rows) {
    case 1: multiply_rows(1, 4, columns, inner, stride, x, weight, bias, out); return;
    case 2: multiply_rows(2, 4, columns, inner, stride, x, weight, bias, out); return;
    case 3: multiply_rows(3, 4, columns, inner, stride, x, weight, bias, out); return;
    case 4: multiply_rows(4, 4, columns, inner, stride, x, weight, bias, out); return;
    case 5: multiply_rows(5, 4, columns, inner, stride, x, weight, bias, out); return;
    case 6: multiply_rows(6, 4, columns, inner, stride, x, weight, bias, out); return;
    case 7: multiply_rows(7, 3, columns, inner, stride, x, weight, bias, out); return;
    case 8: multiply_rows(8, 3, columns, inner, stride, x, weight, bias, out); return;
    default: __builtin_trap();
    }
}
