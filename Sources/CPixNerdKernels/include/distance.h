// Distances between feature vectors, and their derivatives.
#ifndef PIXNERD_KERNELS_DISTANCE_H
#define PIXNERD_KERNELS_DISTANCE_H

#include <stddef.h>

// The sum over rows of 1 - a b / (|a| |b|), where norms below epsilon are raised to it.
double pn_cosine_distances(size_t rows, size_t width, float epsilon, const float *a, const float *b);
// gradient = scale times the derivative of the cosine distance by a, as if no norm had been raised to epsilon.
void pn_cosine_distances_backward(
    size_t rows, size_t width, float epsilon, float scale, const float *a, const float *b, float *gradient);
// The sum over pixels and channels of weights (a / (|a| + epsilon) - b / (|b| + epsilon))^2, where |a| is the norm of a
// pixel over its channels. a and b are [channels, pixels], with channels `stride` floats apart; weights is [channels].
double pn_channel_distances(
    size_t channels, size_t pixels, size_t stride, float epsilon, const float *weights, const float *a, const float *b);
// gradient = scale times the derivative of the channel distance by a; 0 at pixels whose channels are all 0. Its
// channels are `stride` floats apart, too.
void pn_channel_distances_backward(
    size_t channels, size_t pixels, size_t stride, float epsilon, float scale, const float *weights, const float *a,
    const float *b, float *gradient);

#endif
