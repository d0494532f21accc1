// Normalised queries and keys, rotated or not, and the softmax of scores.
#ifndef PIXNERD_KERNELS_ATTENTION_H
#define PIXNERD_KERNELS_ATTENTION_H

#include <stddef.h>

// out[rows, width] = rotate(x r weight), r = 1 / sqrt(mean(x^2) + epsilon). Rows of x are `stride` floats apart.
// table[rows, width / 2, 2] holds cosines and sines; the pair (2i, 2i + 1) is rotated by angle i.
void pn_rotary_norm_forward(
    size_t rows, size_t width, size_t stride, float epsilon, const float *x, const float *weight, const float *table,
    float *out);
// gradient, with rows gradient_stride apart, = the derivative by x; weight_gradient[width] += the derivative by weight.
// upstream[rows, width] is rotated back in place.
void pn_rotary_norm_backward(
    size_t rows, size_t width, size_t stride, float epsilon, const float *x, const float *weight, const float *table,
    float *upstream, size_t gradient_stride, float *gradient, float *weight_gradient);
// The same two without positions: out = x r weight.
void pn_head_norm_forward(
    size_t rows, size_t width, size_t stride, float epsilon, const float *x, const float *weight, float *out);
void pn_head_norm_backward(
    size_t rows, size_t width, size_t stride, float epsilon, const float *x, const float *weight, const float *upstream,
    size_t gradient_stride, float *gradient, float *weight_gradient);
// Softmax of each row of scale scores, in place, with a positive scale; log_sum[rows] = log sum exp.
void pn_softmax_rows(size_t rows, size_t columns, float scale, float *scores, float *log_sum);
// scores = exp(scale scores - log_sum), in place: the probabilities of pn_softmax_rows, recomputed.
void pn_softmax_from_log_sum(size_t rows, size_t columns, float scale, const float *log_sum, float *scores);
// upstream = scale p (upstream - sum(p upstream)) row by row: the derivative by the scores before scaling.
void pn_softmax_backward(size_t rows, size_t columns, float scale, const float *probabilities, float *upstream);

// out[rows, width] = rotate(x r weight), r = 1 / sqrt(mean(x^2) + epsilon). Rows of x are `stride` floats apart.
// table[rows, 2, width / 2] holds cosines, then sines; the pair (i, i + width / 2) is rotated by angle i. width is
// even.
void pn_rotary_halves_norm_forward(
    size_t rows, size_t width, size_t stride, float epsilon, const float *x, const float *weight, const float *table,
    float *out);
// gradient, with rows gradient_stride apart, = the derivative of that by x; weight_gradient[width] += the derivative by
// weight. upstream[rows, width] is rotated back in place.
void pn_rotary_halves_norm_backward(
    size_t rows, size_t width, size_t stride, float epsilon, const float *x, const float *weight, const float *table,
    float *upstream, size_t gradient_stride, float *gradient, float *weight_gradient);

#endif
