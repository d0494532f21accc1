// Matrix multiplication by a BLAS library that is loaded when the program runs: nothing here needs one to build or start.
//
// Any library with the CBLAS interface serves: OpenBLAS (also as PyPI's scipy-openblas packages name its functions), BLIS, MKL.
// LAPACK's dsyevd_ may be in it or in a library of its own. Integers may have 32 or 64 bits there. All functions but
// pn_blas_is_resident and pn_blas_detected_core expect that pn_blas_open gave pn_blas_ready.
#ifndef PIXNERD_BLAS_H
#define PIXNERD_BLAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { pn_blas_ready, pn_blas_missing, pn_blas_unusable } pn_blas_status;

// Loads a library by its path, or by a name that the dynamic linker looks for.
//
// `core` is what OpenBLAS reads in OPENBLAS_CORETYPE while it loads; NULL leaves it to the environment. The environment itself
// stays as it is. `reason` gets one line where the library is missing or unusable.
pn_blas_status pn_blas_open(const char *file, const char *core, char *reason, size_t capacity);

// Unloads the library; false where the system keeps it, so that it cannot be loaded anew with other kernels.
bool pn_blas_close(void);

// Whether the process has a library of that name already, which then keeps the kernels that it has.
bool pn_blas_is_resident(const char *file);

// The path of the library.
const char *pn_blas_path(void);

// Name and version, such as "OpenBLAS 0.3.21"; NULL for a library that is not known.
const char *pn_blas_name(void);

// The processor core whose kernels OpenBLAS runs; NULL for other libraries.
const char *pn_blas_core(void);

// Whether calls of several threads take turns, because the library was built for one: such an OpenBLAS hands the same working
// memory to both.
bool pn_blas_takes_turns(void);

// The core that OpenBLAS chooses by itself, found out in a process of its own that loads the library. Empty where it is not
// known, as for other libraries.
void pn_blas_detected_core(const char *file, char *core, size_t capacity);

// c[rows, columns] = a[rows, inner] b[inner, columns], or c + a b, on the calling thread. Row-major; a stride is the distance
// of two rows in memory, of a factor before its transposition.
void pn_blas_sgemm(
    bool a_is_transposed, bool b_is_transposed, int64_t rows, int64_t columns, int64_t inner, const float *a,
    int64_t a_stride, const float *b, int64_t b_stride, bool accumulates, float *c, int64_t c_stride);
void pn_blas_dgemm(
    bool a_is_transposed, bool b_is_transposed, int64_t rows, int64_t columns, int64_t inner, const double *a,
    int64_t a_stride, const double *b, int64_t b_stride, bool accumulates, double *c, int64_t c_stride);

// Eigenvalues of a symmetric matrix [size, size], ascending, and where wanted its eigenvectors as rows, in its place.
// False where the iteration does not converge or memory is short.
bool pn_blas_eigen(int64_t size, double *matrix, double *eigenvalues, bool vectors);

// Computes products whose results are known, in every form that is used, and an eigenvalue problem. NULL where all are right;
// else the form that is wrong, such as "sgemm, first factor transposed, 67 x 61 x 131".
const char *pn_blas_wrong_result(void);

#endif
