// Products whose left factor has few rows: they wait for the weights to come from memory, which are read once.
#include "kernel.h"

enum { lanes = 16, columns_at_once = 4 };
typedef float vector __attribute__((vector_size(lanes * sizeof(float)), aligned(sizeof(float))));

INLINE float sum_of_lanes(const vector *x) {
    float lane[lanes];
    memcpy(lane, x, sizeof lane);
    for (int half = lanes / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) lane[i] += lane[i + half];
    }
    return lane[0];
}

// `rows` and `columns` are constants where this is inlined. The order of a sum does not depend on them.
INLINE void multiply_few(
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

#define FEW(rows, at_once)                                                                                     \
    static KERNEL void multiply_##rows(                                                                        \
        size_t columns, size_t inner, size_t stride, const float *x, const float *weight, const float *bias,    \
        float *out) {                                                                                          \
        size_t at = 0;                                                                                         \
        for (; at + at_once <= columns; at += at_once) {                                                       \
            multiply_few(                                                                                      \
                rows, at_once, inner, stride, x, weight + at * inner, bias ? bias + at : NULL, out + at);       \
        }                                                                                                      \
        for (; at < columns; at++) {                                                                           \
            multiply_few(rows, 1, inner, stride, x, weight + at * inner, bias ? bias + at : NULL, out + at);    \
        }                                                                                                      \
    }
// As many streams of weights as leave room for the sums in 32 registers of 512 bits.
FEW(1, 4) FEW(2, 4) FEW(3, 4) FEW(4, 4) FEW(5, 4) FEW(6, 4) FEW(7, 3) FEW(8, 3)

void pn_multiply_few_rows(
    size_t rows, size_t columns, size_t inner, size_t stride, const float *x, const float *weight, const float *bias,
    float *out) {
    switch (rows) {
    case 1: return multiply_1(columns, inner, stride, x, weight, bias, out);
    case 2: return multiply_2(columns, inner, stride, x, weight, bias, out);
    case 3: return multiply_3(columns, inner, stride, x, weight, bias, out);
    case 4: return multiply_4(columns, inner, stride, x, weight, bias, out);
    case 5: return multiply_5(columns, inner, stride, x, weight, bias, out);
    case 6: return multiply_6(columns, inner, stride, x, weight, bias, out);
    case 7: return multiply_7(columns, inner, stride, x, weight, bias, out);
    case 8: return multiply_8(columns, inner, stride, x, weight, bias, out);
    }
}
