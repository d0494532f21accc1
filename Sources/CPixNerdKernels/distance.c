// Distances between feature vectors: the cosine of rows, and normalised differences of pixels over channels (as in
// LPIPS, Zhang et al., arXiv 1801.03924).
#include "kernel.h"

// The dot product of two rows, and their norms.
INLINE float dot_product(
    size_t width, const float *restrict a, const float *restrict b, float *restrict norm_a, float *restrict norm_b) {
    RELAXED
    float squares_a = 0, squares_b = 0, dot = 0;
    VECTORIZED
    for (size_t i = 0; i < width; i++) {
        squares_a += a[i] * a[i];
        squares_b += b[i] * b[i];
        dot += a[i] * b[i];
    }
    *norm_a = square_root(squares_a);
    *norm_b = square_root(squares_b);
    return dot;
}

INLINE float at_least(float least, float x) { return x > least ? x : least; }

KERNEL(
    double, pn_cosine_distances,
    (size_t rows, size_t width, float epsilon, const float *restrict a, const float *restrict b),
    (rows, width, epsilon, a, b)) {
    double sum = 0;
    for (size_t row = 0; row < rows; row++) {
        float norm_a, norm_b;
        const float dot = dot_product(width, a + row * width, b + row * width, &norm_a, &norm_b);
        sum += 1.0 - (double)dot / ((double)at_least(epsilon, norm_a) * (double)at_least(epsilon, norm_b));
    }
    return sum;
}

KERNEL(
    void, pn_cosine_distances_backward,
    (size_t rows, size_t width, float epsilon, float scale, const float *restrict a, const float *restrict b,
     float *restrict gradient),
    (rows, width, epsilon, scale, a, b, gradient)) {
    RELAXED
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = a + row * width;
        const float *restrict other = b + row * width;
        float *restrict to = gradient + row * width;
        float norm_a, norm_b;
        const float dot = dot_product(width, from, other, &norm_a, &norm_b);
        const float counted = at_least(epsilon, norm_a);
        const float along = -scale / counted / at_least(epsilon, norm_b);
        // The derivative of |a| is a / |a|, also where |a| is raised to epsilon; it is taken to be 0 where a is 0.
        const float back = norm_a > 0.0f ? along * (dot / counted / norm_a) : 0.0f;
        VECTORIZED
        for (size_t i = 0; i < width; i++) to[i] = along * other[i] - back * from[i];
    }
}

// Pixels that are processed at once: their sums over channels stay in the first-level cache.
enum { pixels_at_once = 256 };

// norms[count] = the norm of each pixel over its channels.
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

KERNEL(
    double, pn_channel_distances,
    (size_t channels, size_t pixels, size_t stride, float epsilon, const float *restrict weights,
     const float *restrict a, const float *restrict b),
    (channels, pixels, stride, epsilon, weights, a, b)) {
    RELAXED
    float by_a[pixels_at_once], by_b[pixels_at_once], sums[pixels_at_once];
    double sum = 0;
    for (size_t first = 0; first < pixels; first += pixels_at_once) {
        const size_t count = smaller(pixels - first, pixels_at_once);
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

KERNEL(
    void, pn_channel_distances_backward,
    (size_t channels, size_t pixels, size_t stride, float epsilon, float scale, const float *restrict weights,
     const float *restrict a, const float *restrict b, float *restrict gradient),
    (channels, pixels, stride, epsilon, scale, weights, a, b, gradient)) {
    RELAXED
    float by_a[pixels_at_once], by_b[pixels_at_once], back[pixels_at_once];
    for (size_t first = 0; first < pixels; first += pixels_at_once) {
        const size_t count = smaller(pixels - first, pixels_at_once);
        float norms[pixels_at_once];
        channel_norms(channels, count, stride, a + first, norms);
        channel_norms(channels, count, stride, b + first, by_b);
        VECTORIZED
        for (size_t i = 0; i < count; i++) {
            // Where all channels are 0 the norm has no derivative; 0 is used.
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
