// ReLU and pooling.
#ifndef PIXNERD_KERNELS_POOLING_H
#define PIXNERD_KERNELS_POOLING_H

#include <stddef.h>

// x = max(x, 0), in place; rows are `stride` floats apart.
void pn_relu_rows(size_t rows, size_t columns, size_t stride, float *x);
// gradient = 0 where `out`, the result of ReLU, is 0; in place.
void pn_relu_backward(size_t count, const float *out, float *gradient);
// out[planes, height / 2, width / 2] = the largest of each 2 x 2 pixels of x[planes, height, width]; sizes are rounded
// down.
void pn_max_pool_2x2_forward(size_t planes, size_t height, size_t width, const float *x, float *out);
// gradient[planes, height, width] = upstream at the first largest of each 2 x 2 pixels of x, 0 elsewhere.
void pn_max_pool_2x2_backward(
    size_t planes, size_t height, size_t width, const float *x, const float *upstream, float *gradient);
// out[planes, (height + 2 padding - 3) / stride + 1, (width + 2 padding - 3) / stride + 1] = the largest of each 3 x 3
// window of x[planes, height, width], ignoring padding, which is 0 or 1. row[width] is workspace.
void pn_max_pool_3x3(
    size_t planes, size_t height, size_t width, size_t stride, size_t padding, const float *x, float *row, float *out);
// out[planes, height, width] = the mean of each pixel of x and its neighbours inside the image. row[width] is
// workspace.
void pn_average_pool_3x3(size_t planes, size_t height, size_t width, const float *x, float *row, float *out);

#endif
