// RMSNorm, LayerNorm and GroupNorm, with adaLN modulation and gated residuals.
#ifndef PIXNERD_KERNELS_NORMALIZATION_H
#define PIXNERD_KERNELS_NORMALIZATION_H

#include <stddef.h>

// out = x r weight (1 + scale) + shift row by row, where r = 1 / sqrt(mean(x^2) + epsilon) is stored in
// reciprocal[rows]. weight, shift and scale are [width].
void pn_modulated_rms_norm_forward(
    size_t rows, size_t width, float epsilon, const float *x, const float *weight, const float *shift,
    const float *scale, float *out, float *reciprocal);
// gradient = the derivative by x. sum_upstream[width] += sum of upstream over rows (the derivative by shift);
// sum_upstream_normalized[width] += sum of upstream x r over rows (times weight: by scale; times 1 + scale: by weight).
void pn_modulated_rms_norm_backward(
    size_t rows, size_t width, const float *x, const float *weight, const float *scale, const float *reciprocal,
    const float *upstream, float *gradient, float *sum_upstream, float *sum_upstream_normalized);
// out = x r weight row by row, r = 1 / sqrt(mean(x^2) + epsilon).
void pn_rms_norm_forward(size_t rows, size_t width, float epsilon, const float *x, const float *weight, float *out);
// gradient += the derivative by x; weight_gradient[width] += the derivative by weight.
void pn_rms_norm_backward(
    size_t rows, size_t width, float epsilon, const float *x, const float *weight, const float *upstream,
    float *gradient, float *weight_gradient);
// out = (x - mean) r weight + bias row by row, r = 1 / sqrt(variance + epsilon).
void pn_layer_norm_forward(
    size_t rows, size_t width, float epsilon, const float *x, const float *weight, const float *bias, float *out);
// gradient = the derivative by x; sum_upstream[width] += the derivative by bias; sum_upstream_normalized[width] += the
// derivative by weight.
void pn_layer_norm_backward(
    size_t rows, size_t width, float epsilon, const float *x, const float *weight, const float *upstream,
    float *gradient, float *sum_upstream, float *sum_upstream_normalized);
// out = x + gate y row by row; gate is [width].
void pn_gated_residual_forward(
    size_t rows, size_t width, const float *x, const float *y, const float *gate, float *out);
// gradient_y = gate upstream; gate_gradient[width] += sum of y upstream over rows.
void pn_gated_residual_backward(
    size_t rows, size_t width, const float *y, const float *gate, const float *upstream, float *gradient_y,
    float *gate_gradient);

// The mean of x and its variance, the mean of (x - mean)^2.
void pn_moments(size_t count, const float *x, double *mean, double *variance);
// out = x scale + shift
void pn_affine_forward(size_t count, float scale, float shift, const float *x, float *out);
// out = silu(x scale + shift)
void pn_affine_silu_forward(size_t count, float scale, float shift, const float *x, float *out);
// gradient = upstream silu'(x scale + shift): the derivative by x scale + shift.
void pn_affine_silu_backward(
    size_t count, float scale, float shift, const float *x, const float *upstream, float *gradient);
// sum = the sum of upstream; sum_normalized = the sum of upstream (x - mean) reciprocal.
void pn_normalized_sums(
    size_t count, float mean, float reciprocal, const float *x, const float *upstream, double *sum,
    double *sum_normalized);
// gradient = gradient scale + x x_scale + shift
void pn_affine_combination(size_t count, float scale, float x_scale, float shift, const float *x, float *gradient);

#endif
