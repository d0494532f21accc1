// Normalisation of queries and keys, with rotary positions (Su et al., arXiv 2104.09864) or without, and the softmax of
// scores.
#include "head_norm.h"
#include "kernel.h"

KERNEL(
    void, pn_rotary_norm_forward,
    (size_t rows, size_t width, size_t stride, float epsilon, const float *restrict x, const float *restrict weight,
     const float *restrict table, float *restrict out),
    (rows, width, stride, epsilon, x, weight, table, out)) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * stride;
        const float *restrict angle = table + row * width;
        float *restrict to = out + row * width;
        const float r = reciprocal_rms_of_head(width, from, epsilon);
        for (size_t i = 0; i < width; i += 2) {
            const float even = from[i] * r * weight[i];
            const float odd = from[i + 1] * r * weight[i + 1];
            to[i] = even * angle[i] - odd * angle[i + 1];
            to[i + 1] = even * angle[i + 1] + odd * angle[i];
        }
    }
}

KERNEL(
    void, pn_rotary_norm_backward,
    (size_t rows, size_t width, size_t stride, float epsilon, const float *restrict x, const float *restrict weight,
     const float *restrict table, float *restrict upstream, size_t gradient_stride, float *restrict gradient,
     float *restrict weight_gradient),
    (rows, width, stride, epsilon, x, weight, table, upstream, gradient_stride, gradient, weight_gradient)) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * stride;
        const float *restrict angle = table + row * width;
        float *restrict up = upstream + row * width;
        float *restrict to = gradient + row * gradient_stride;
        const float r = reciprocal_rms_of_head(width, from, epsilon);
        for (size_t i = 0; i < width; i += 2) {
            const float even = up[i] * angle[i] + up[i + 1] * angle[i + 1];
            const float odd = up[i + 1] * angle[i] - up[i] * angle[i + 1];
            up[i] = even;
            up[i + 1] = odd;
        }
        head_norm_backward(width, r, from, weight, up, to, weight_gradient);
    }
}

KERNEL(
    void, pn_head_norm_forward,
    (size_t rows, size_t width, size_t stride, float epsilon, const float *restrict x, const float *restrict weight,
     float *restrict out),
    (rows, width, stride, epsilon, x, weight, out)) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * stride;
        float *restrict to = out + row * width;
        const float r = reciprocal_rms_of_head(width, from, epsilon);
        for (size_t i = 0; i < width; i++) to[i] = from[i] * r * weight[i];
    }
}

KERNEL(
    void, pn_head_norm_backward,
    (size_t rows, size_t width, size_t stride, float epsilon, const float *restrict x, const float *restrict weight,
     const float *restrict upstream, size_t gradient_stride, float *restrict gradient, float *restrict weight_gradient),
    (rows, width, stride, epsilon, x, weight, upstream, gradient_stride, gradient, weight_gradient)) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * stride;
        const float r = reciprocal_rms_of_head(width, from, epsilon);
        head_norm_backward(
            width, r, from, weight, upstream + row * width, gradient + row * gradient_stride, weight_gradient);
    }
}

// Sixteen running maxima, since the compiler may not reorder comparisons that could meet a NaN.
INLINE float largest_of(size_t count, const float *restrict x) {
    float lanes[16];
    for (int lane = 0; lane < 16; lane++) lanes[lane] = -INFINITY;
    size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        for (int lane = 0; lane < 16; lane++) lanes[lane] = x[i + lane] > lanes[lane] ? x[i + lane] : lanes[lane];
    }
    for (; i < count; i++) lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
    float largest = lanes[0];
    for (int lane = 1; lane < 16; lane++) largest = lanes[lane] > largest ? lanes[lane] : largest;
    return largest;
}

KERNEL(
    void, pn_softmax_rows, (size_t rows, size_t columns, float scale, float *restrict scores, float *restrict log_sum),
    (rows, columns, scale, scores, log_sum)) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        float *restrict s = scores + row * columns;
        const float largest = largest_of(columns, s);
        float sum = 0;
        VECTORIZED
        for (size_t i = 0; i < columns; i++) {
            const float e = fast_exp(scale * (s[i] - largest));
            s[i] = e;
            sum += e;
        }
        const float inverse = 1.0f / sum;
        VECTORIZED
        for (size_t i = 0; i < columns; i++) s[i] *= inverse;
        log_sum[row] = scale * largest + logf(sum);
    }
}

KERNEL(
    void, pn_softmax_from_log_sum,
    (size_t rows, size_t columns, float scale, const float *restrict log_sum, float *restrict scores),
    (rows, columns, scale, log_sum, scores)) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        float *restrict s = scores + row * columns;
        const float offset = log_sum[row];
        VECTORIZED
        for (size_t i = 0; i < columns; i++) s[i] = fast_exp(scale * s[i] - offset);
    }
}

KERNEL(
    void, pn_softmax_backward,
    (size_t rows, size_t columns, float scale, const float *restrict probabilities, float *restrict upstream),
    (rows, columns, scale, probabilities, upstream)) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict p = probabilities + row * columns;
        float *restrict up = upstream + row * columns;
        float dot = 0;
        VECTORIZED
        for (size_t i = 0; i < columns; i++) dot += p[i] * up[i];
        VECTORIZED
        for (size_t i = 0; i < columns; i++) up[i] = scale * p[i] * (up[i] - dot);
    }
}
