// RMSNorm (Zhang and Sennrich, arXiv 1910.07467), alone and fused with adaLN modulation; LayerNorm (Ba et al., arXiv
// 1607.06450); gated residuals; the cosine of rows.
#include "kernel.h"

INLINE float reciprocal_rms(size_t width, const float *restrict x, float epsilon) {
    RELAXED
    float sum = 0;
    VECTORIZED
    for (size_t i = 0; i < width; i++) sum += x[i] * x[i];
    return 1.0f / square_root(sum / (float)width + epsilon);
}

KERNEL void pn_modulated_rms_norm_forward(
    size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
    const float *restrict shift, const float *restrict scale, float *restrict out, float *restrict reciprocal) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        float *restrict to = out + row * width;
        const float r = reciprocal_rms(width, from, epsilon);
        reciprocal[row] = r;
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] = from[i] * r * weight[i] * (1.0f + scale[i]) + shift[i];
    }
}

KERNEL void pn_modulated_rms_norm_backward(
    size_t rows, size_t width, const float *restrict x, const float *restrict weight, const float *restrict scale,
    const float *restrict reciprocal, const float *restrict upstream, float *restrict gradient,
    float *restrict sum_upstream, float *restrict sum_upstream_normalized) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        const float *restrict up = upstream + row * width;
        float *restrict to = gradient + row * width;
        const float r = reciprocal[row];
        float dot = 0;
        VECTORIZED
        for (size_t i = 0; i < width; i++) {
            const float g = up[i] * (1.0f + scale[i]) * weight[i];
            dot += g * from[i];
            sum_upstream[i] += up[i];
            sum_upstream_normalized[i] += up[i] * from[i] * r;
        }
        const float pull = dot * r * r * r / (float)width;
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] = up[i] * (1.0f + scale[i]) * weight[i] * r - from[i] * pull;
    }
}

KERNEL void pn_rms_norm_forward(
    size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
    float *restrict out) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        float *restrict to = out + row * width;
        const float r = reciprocal_rms(width, from, epsilon);
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] = from[i] * r * weight[i];
    }
}

KERNEL void pn_rms_norm_backward(
    size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
    const float *restrict upstream, float *restrict gradient, float *restrict weight_gradient) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        const float *restrict up = upstream + row * width;
        float *restrict to = gradient + row * width;
        const float r = reciprocal_rms(width, from, epsilon);
        float dot = 0;
        VECTORIZED
        for (size_t i = 0; i < width; i++) {
            dot += up[i] * weight[i] * from[i];
            weight_gradient[i] += up[i] * from[i] * r;
        }
        const float pull = dot * r * r * r / (float)width;
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] += up[i] * weight[i] * r - from[i] * pull;
    }
}

// The mean of a row, and one over its standard deviation.
INLINE void row_statistics(
    size_t width, const float *restrict x, float epsilon, float *restrict mean, float *restrict reciprocal) {
    RELAXED
    float sum = 0;
    VECTORIZED
    for (size_t i = 0; i < width; i++) sum += x[i];
    const float m = sum / (float)width;
    float squares = 0;
    VECTORIZED
    for (size_t i = 0; i < width; i++) squares += (x[i] - m) * (x[i] - m);
    *mean = m;
    *reciprocal = 1.0f / square_root(squares / (float)width + epsilon);
}

KERNEL void pn_layer_norm_forward(
    size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
    const float *restrict bias, float *restrict out) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        float *restrict to = out + row * width;
        float mean, r;
        row_statistics(width, from, epsilon, &mean, &r);
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] = (from[i] - mean) * r * weight[i] + bias[i];
    }
}

KERNEL void pn_layer_norm_backward(
    size_t rows, size_t width, float epsilon, const float *restrict x, const float *restrict weight,
    const float *restrict upstream, float *restrict gradient, float *restrict sum_upstream,
    float *restrict sum_upstream_normalized) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        const float *restrict up = upstream + row * width;
        float *restrict to = gradient + row * width;
        float mean, r;
        row_statistics(width, from, epsilon, &mean, &r);
        float sum = 0, dot = 0;
        VECTORIZED
        for (size_t i = 0; i < width; i++) {
            const float normalized = (from[i] - mean) * r;
            const float g = up[i] * weight[i];
            sum += g;
            dot += g * normalized;
            sum_upstream[i] += up[i];
            sum_upstream_normalized[i] += up[i] * normalized;
        }
        sum /= (float)width;
        dot /= (float)width;
        VECTORIZED
        for (size_t i = 0; i < width; i++) {
            to[i] = r * (up[i] * weight[i] - sum - (from[i] - mean) * r * dot);
        }
    }
}

// The norms of two rows and the product of the rows.
INLINE float row_product(
    size_t width, const float *restrict a, const float *restrict b, float *restrict norm_a, float *restrict norm_b) {
    RELAXED
    float squares_a = 0, squares_b = 0, product = 0;
    VECTORIZED
    for (size_t i = 0; i < width; i++) {
        squares_a += a[i] * a[i];
        squares_b += b[i] * b[i];
        product += a[i] * b[i];
    }
    *norm_a = square_root(squares_a);
    *norm_b = square_root(squares_b);
    return product;
}

INLINE float at_least(float least, float x) { return x > least ? x : least; }

KERNEL double pn_cosine_distances(
    size_t rows, size_t width, float epsilon, const float *restrict a, const float *restrict b) {
    double sum = 0;
    for (size_t row = 0; row < rows; row++) {
        float norm_a, norm_b;
        const float product = row_product(width, a + row * width, b + row * width, &norm_a, &norm_b);
        sum += 1.0 - (double)product / ((double)at_least(epsilon, norm_a) * (double)at_least(epsilon, norm_b));
    }
    return sum;
}

KERNEL void pn_cosine_distances_backward(
    size_t rows, size_t width, float epsilon, float scale, const float *restrict a, const float *restrict b,
    float *restrict gradient) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = a + row * width;
        const float *restrict other = b + row * width;
        float *restrict to = gradient + row * width;
        float norm_a, norm_b;
        const float product = row_product(width, from, other, &norm_a, &norm_b);
        const float counted = at_least(epsilon, norm_a);
        const float along = -scale / counted / at_least(epsilon, norm_b);
        // The derivative of the norm is a / |a|, whatever the norm counts as; 0 where a is.
        const float back = norm_a > 0.0f ? along * (product / counted / norm_a) : 0.0f;
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] = along * other[i] - back * from[i];
    }
}

// Pixels that are worked on at once: their sums over channels stay in the first cache.
#define PIXELS_AT_ONCE 256

// norms[count] = the norms of pixels over their channels.
INLINE void channel_norms(
    size_t channels, size_t count, size_t stride, const float *restrict x, float *restrict norms) {
    RELAXED
    memset(norms, 0, count * sizeof(float));
    for (size_t channel = 0; channel < channels; channel++) {
        const float *restrict from = x + channel * stride;
        VECTORIZED
        for (size_t i = 0; i < count; i++) norms[i] += from[i] * from[i];
    }
    VECTORIZED
    for (size_t i = 0; i < count; i++) norms[i] = square_root(norms[i]);
}

KERNEL double pn_channel_distances(
    size_t channels, size_t pixels, size_t stride, float epsilon, const float *restrict weights,
    const float *restrict a, const float *restrict b) {
    RELAXED
    float by_a[PIXELS_AT_ONCE], by_b[PIXELS_AT_ONCE], sums[PIXELS_AT_ONCE];
    double sum = 0;
    for (size_t first = 0; first < pixels; first += PIXELS_AT_ONCE) {
        const size_t count = pixels - first < PIXELS_AT_ONCE ? pixels - first : PIXELS_AT_ONCE;
        channel_norms(channels, count, stride, a + first, by_a);
        channel_norms(channels, count, stride, b + first, by_b);
        VECTORIZED
        for (size_t i = 0; i < count; i++) {
            by_a[i] = 1.0f / (by_a[i] + epsilon);
            by_b[i] = 1.0f / (by_b[i] + epsilon);
            sums[i] = 0.0f;
        }
        for (size_t channel = 0; channel < channels; channel++) {
            const float weight = weights[channel];
            const float *restrict from_a = a + channel * stride + first;
            const float *restrict from_b = b + channel * stride + first;
            VECTORIZED
            for (size_t i = 0; i < count; i++) {
                const float difference = from_a[i] * by_a[i] - from_b[i] * by_b[i];
                sums[i] += weight * difference * difference;
            }
        }
        for (size_t i = 0; i < count; i++) sum += sums[i];
    }
    return sum;
}

KERNEL void pn_channel_distances_backward(
    size_t channels, size_t pixels, size_t stride, float epsilon, float scale, const float *restrict weights,
    const float *restrict a, const float *restrict b, float *restrict gradient) {
    RELAXED
    float by_a[PIXELS_AT_ONCE], by_b[PIXELS_AT_ONCE], back[PIXELS_AT_ONCE];
    for (size_t first = 0; first < pixels; first += PIXELS_AT_ONCE) {
        const size_t count = pixels - first < PIXELS_AT_ONCE ? pixels - first : PIXELS_AT_ONCE;
        float norms[PIXELS_AT_ONCE];
        channel_norms(channels, count, stride, a + first, norms);
        channel_norms(channels, count, stride, b + first, by_b);
        VECTORIZED
        for (size_t i = 0; i < count; i++) {
            // Where all channels are 0 there is no derivative of the norm, and 0 stands for it.
            by_a[i] = norms[i] > 0.0f ? 1.0f / (norms[i] + epsilon) : 0.0f;
            by_b[i] = 1.0f / (by_b[i] + epsilon);
            back[i] = 0.0f;
        }
        for (size_t channel = 0; channel < channels; channel++) {
            const float weight = weights[channel];
            const float *restrict from_a = a + channel * stride + first;
            const float *restrict from_b = b + channel * stride + first;
            VECTORIZED
            for (size_t i = 0; i < count; i++) {
                back[i] += weight * (from_a[i] * by_a[i] - from_b[i] * by_b[i]) * from_a[i];
            }
        }
        VECTORIZED
        for (size_t i = 0; i < count; i++) {
            back[i] = norms[i] > 0.0f ? back[i] * by_a[i] * by_a[i] / norms[i] : 0.0f;
        }
        for (size_t channel = 0; channel < channels; channel++) {
            const float weight = weights[channel];
            const float *restrict from_a = a + channel * stride + first;
            const float *restrict from_b = b + channel * stride + first;
            float *restrict to = gradient + channel * stride + first;
            VECTORIZED
            for (size_t i = 0; i < count; i++) {
                const float difference = from_a[i] * by_a[i] - from_b[i] * by_b[i];
                to[i] = 2.0f * scale * (weight * difference * by_a[i] - back[i] * from_a[i]);
            }
        }
    }
}

KERNEL void pn_gated_residual_forward(
    size_t rows, size_t width, const float *restrict x, const float *restrict y, const float *restrict gate,
    float *restrict out) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * width;
        VECTORIZED
        for (size_t i = 0; i < width; i++) out[at + i] = x[at + i] + gate[i] * y[at + i];
    }
}

KERNEL void pn_gated_residual_backward(
    size_t rows, size_t width, const float *restrict y, const float *restrict gate, const float *restrict upstream,
    float *restrict gradient_y, float *restrict gate_gradient) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const size_t at = row * width;
        VECTORIZED
        for (size_t i = 0; i < width; i++) {
            const float up = upstream[at + i];
            gradient_y[at + i] = gate[i] * up;
            gate_gradient[i] += y[at + i] * up;
        }
    }
}
