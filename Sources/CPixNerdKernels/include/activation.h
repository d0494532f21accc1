// Activation functions and their derivatives.
#ifndef PIXNERD_KERNELS_ACTIVATION_H
#define PIXNERD_KERNELS_ACTIVATION_H

#include <stddef.h>

// out = x sigmoid(x)
void pn_silu_forward(size_t count, const float *x, float *out);
// gradient *= silu'(x), in place: turns the derivative by silu(x) into that by x.
void pn_silu_backward(size_t count, const float *x, float *gradient);
// out = silu(a + b)
void pn_add_silu_forward(size_t count, const float *a, const float *b, float *out);
// gradient = upstream silu'(a + b); gradient_a += gradient.
void pn_add_silu_backward(
    size_t count, const float *a, const float *b, const float *upstream, float *gradient, float *gradient_a);
// out = silu(a) b
void pn_silu_gate_forward(size_t count, const float *a, const float *b, float *out);
// gradient_a and gradient_b = the derivatives of silu(a) b by a and by b, times upstream.
void pn_silu_gate_backward(
    size_t count, const float *a, const float *b, const float *upstream, float *gradient_a, float *gradient_b);
// out = gelu(x) = x P(N < x) for a standard normal N
void pn_gelu_forward(size_t count, const float *x, float *out);
// gradient *= gelu'(x), in place.
void pn_gelu_backward(size_t count, const float *x, float *gradient);
// out = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, the tanh approximation of gelu(x)
void pn_tanh_gelu_forward(size_t count, const float *x, float *out);
// gradient *= the derivative of that approximation, in place.
void pn_tanh_gelu_backward(size_t count, const float *x, float *gradient);
// out = gelu(a) b, with the same approximation
void pn_tanh_gelu_gate_forward(size_t count, const float *a, const float *b, float *out);

#endif
