// Convolution by columns and by Winograd's transforms, and upsampling.
#ifndef PIXNERD_KERNELS_CONVOLUTION_H
#define PIXNERD_KERNELS_CONVOLUTION_H

#include <stdbool.h>
#include <stddef.h>

// How a filter moves over an input plane: for output (y, x), tap (ky, kx) reads the input at (y stride + ky - top,
// x stride + kx - left), or 0 outside of it.
struct pn_convolution_walk {
    size_t height, width;  // of an input plane
    size_t kernel_height, kernel_width;
    size_t stride;
    size_t top, left;  // padding
    size_t out_height, out_width;
};

// columns[channels, kernel_height, kernel_width][rows, out_width] = what each tap of the filter reads for the output
// rows first_row ..< first_row + rows; taps are column_stride floats apart. x is [channels, height, width].
void pn_convolution_columns(
    const struct pn_convolution_walk *walk, size_t channels, size_t first_row, size_t rows, const float *x,
    size_t column_stride, float *columns);
// gradient[channels, height, width] += the columns, each number at the place that it was read from.
void pn_convolution_columns_backward(
    const struct pn_convolution_walk *walk, size_t channels, size_t first_row, size_t rows, const float *columns,
    size_t column_stride, float *gradient);

// Winograd's convolution computes the output of a 3 x 3 filter with stride 1 in tiles of 4 x 4, each from 6 x 6 inputs.
// Transformed tiles and filters are 36 numbers, `stride` floats apart; the tiles of a row are contiguous.
struct pn_winograd_walk {
    size_t height, width;            // of the plane that is read or written
    size_t top, left;                // padding of the input
    size_t tile_columns, tile_rows;  // of a plane
};

// Rows of tiles are numbered through all images of a batch, whose planes are picture_stride floats apart.

// out[36][rows tile_columns] = B^T d B for each tile d of rows first_row ..< first_row + rows of input planes.
void pn_winograd_input_rows(
    const struct pn_winograd_walk *walk, size_t first_row, size_t rows, const float *x, size_t picture_stride,
    size_t stride, float *out);
// Writes the 4 x 4 outputs A^T m A + bias of each transformed tile m of products[36][rows tile_columns] to output
// planes. `rectified` raises negative outputs to 0; `adds` adds the outputs to the planes instead of replacing them.
void pn_winograd_output_rows(
    const struct pn_winograd_walk *walk, size_t first_row, size_t rows, const float *products, size_t stride,
    float bias, bool adds, bool rectified, size_t picture_stride, float *out);
// out[36][rows tile_columns] = A d A^T for each 4 x 4 tile d of the derivative by output planes.
void pn_winograd_gradient_rows(
    const struct pn_winograd_walk *walk, size_t first_row, size_t rows, const float *upstream, size_t picture_stride,
    size_t stride, float *out);
// out[36][count] = G g G^T for `count` 3 x 3 filters g, filter_stride floats apart; `turned` rotates them by 180
// degrees.
void pn_winograd_filters(
    size_t count, const float *filters, size_t filter_stride, bool turned, size_t stride, float *out);
// gradient[count, 3, 3] += G^T u G for transformed[36][count]
void pn_winograd_filters_backward(size_t count, const float *transformed, size_t stride, float *gradient);

// out[planes, 2 height, 2 width] = each pixel of x[planes, height, width] repeated in a 2 x 2 square.
void pn_upsample_forward(size_t planes, size_t height, size_t width, const float *x, float *out);
// gradient[planes, height, width] = the sum of upstream over the 2 x 2 square of each pixel.
void pn_upsample_backward(size_t planes, size_t height, size_t width, const float *upstream, float *gradient);

#endif
