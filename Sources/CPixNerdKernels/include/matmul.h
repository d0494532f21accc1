// Matrix multiplication with a packed right factor in bf16, and with a left factor of few rows.
#ifndef PIXNERD_KERNELS_MATMUL_H
#define PIXNERD_KERNELS_MATMUL_H

#include <stdbool.h>
#include <stddef.h>

// A right factor [inner, columns] is packed in panels of this many columns. The functions below that pack and multiply
// may only be called where pn_kernels_have_bfloat16 is true.
enum { BFLOAT16_PANEL_COLUMNS = 64 };

// How many bf16 numbers a packed right factor takes.
size_t pn_bfloat16_packed_count(size_t columns, size_t inner);
// Packs a panel from x[columns of the panel, inner], whose rows are `stride` numbers apart.
void pn_bfloat16_pack_panel(size_t columns, size_t inner, size_t panel, const void *x, size_t stride, void *packed);
// Packs weights[rows, columns] as a right factor. Where `normalizes`, each column is divided by max(its norm, 1e-12).
void pn_bfloat16_pack_columns(size_t rows, size_t columns, bool normalizes, const void *weights, void *packed);
// c[rows, columns of the panels first_panel ..< last_panel] = a[rows, inner] packed + bias. `bias` is added to each row
// and may be NULL. Where `adds`, the product is added to c instead, and the bias is ignored. bias and c begin at the
// first panel's first column; rows of a and c are a_stride and c_stride numbers apart.
void pn_bfloat16_packed_product(
    size_t rows, size_t columns, size_t inner, size_t first_panel, size_t last_panel, const void *a, size_t a_stride,
    const void *packed, const float *bias, bool adds, float *c, size_t c_stride);

// The most rows that pn_multiply_few_rows takes.
enum { FEW_ROWS = 8 };
// out[rows, columns] = x[rows, inner] weight[columns, inner]^T + bias. `bias` is added to each row and may be NULL;
// rows of out are `stride` floats apart. rows is 1 ... FEW_ROWS.
void pn_multiply_few_rows(
    size_t rows, size_t columns, size_t inner, size_t stride, const float *x, const float *weight, const float *bias,
    float *out);

#endif
