// What the kernels share that normalise queries and keys, whichever pairs they rotate.
#ifndef PIXNERD_HEAD_NORM_H
#define PIXNERD_HEAD_NORM_H

#include "kernel.h"

// Not VECTORIZED: heads are short, and the compiler's own choice suits them better.
INLINE float reciprocal_rms_of_head(size_t width, const float *restrict x, float epsilon) {
    RELAXED
    float sum = 0;
    for (size_t i = 0; i < width; i++) sum += x[i] * x[i];
    return reciprocal_rms(sum, width, epsilon);
}

// to = the derivative by x of x r weight, where r is the reciprocal of the root mean square of x.
INLINE void head_norm_backward(
    size_t width, float r, const float *restrict x, const float *restrict weight, const float *restrict upstream,
    float *restrict to, float *restrict weight_gradient) {
    RELAXED
    float dot = 0;
    for (size_t i = 0; i < width; i++) {
        dot += upstream[i] * weight[i] * x[i];
        weight_gradient[i] += upstream[i] * x[i] * r;
    }
    const float pull = dot * r * r * r / (float)width;
    for (size_t i = 0; i < width; i++) to[i] = upstream[i] * weight[i] * r - x[i] * pull;
}

#endif
