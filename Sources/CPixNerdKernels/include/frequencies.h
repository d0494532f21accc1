// Squares of an error by frequency.
#ifndef PIXNERD_KERNELS_FREQUENCIES_H
#define PIXNERD_KERNELS_FREQUENCIES_H

#include <stddef.h>

// The sum of weights (M d M^T)^2 over the blocks d of 8 x 8 pixels of an error[3, height, width] in YCbCr. Sides that 8
// does not divide are continued by reflection at their ends.
//
// cosines[2, 8, 8] is M, the orthonormal cosine transform, and its transpose; weights is [3, 8, 8].
double pn_block_frequencies(
    size_t height, size_t width, const float *cosines, const float *weights, const float *error);
// gradient[3, height, width] = scale / 2 times the derivative of the sum.
void pn_block_frequencies_backward(
    size_t height, size_t width, const float *cosines, const float *weights, float scale, const float *error,
    float *gradient);

#endif
