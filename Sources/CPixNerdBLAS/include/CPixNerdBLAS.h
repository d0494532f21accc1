// Matrix multiplication by a BLAS library that is loaded when the program runs: none is needed to build or to start.
//
// Any library with the CBLAS interface will do: OpenBLAS, also with the names of PyPI's scipy-openblas packages, BLIS
// or MKL. LAPACK's dsyevd_ may be in the same library or in another. Integers may have 32 or 64 bits. All functions
// except pn_blas_is_resident and pn_blas_detected_core require that pn_blas_open returned pn_blas_ready.
#ifndef PIXNERD_BLAS_H
#define PIXNERD_BLAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { pn_blas_ready, pn_blas_missing, pn_blas_unusable } pn_blas_status;

// Loads a library by its path, or by a name that the dynamic linker searches for.
//
// `core` is the OPENBLAS_CORETYPE that OpenBLAS reads while it loads; NULL keeps that of the environment, which is left
// unchanged. `reason` receives one line if the library is missing or unusable.
pn_blas_status pn_blas_open(const char *file, const char *core, char *reason, size_t capacity);

// Unloads the library; false if the system keeps it, so that it cannot be reloaded with other kernels.
bool pn_blas_close(void);

// Whether a library of that name is already loaded; it then keeps its kernels.
bool pn_blas_is_resident(const char *file);

// The path of the library.
const char *pn_blas_path(void);

// Name and version, such as "OpenBLAS 0.3.21"; NULL for an unknown library.
const char *pn_blas_name(void);

// The processor core whose kernels OpenBLAS runs; NULL for other libraries.
const char *pn_blas_core(void);

// Whether calls from several threads take turns, because the library was built single-threaded: such an OpenBLAS gives
// the same working memory to all of them.
bool pn_blas_takes_turns(void);

// The core that OpenBLAS chooses by itself, determined in a child process that loads the library. Empty if it is
// unknown, as for other libraries.
void pn_blas_detected_core(const char *file, char *core, size_t capacity);

// c[rows, columns] = a[rows, inner] b[inner, columns], or c + a b, on the calling thread. Row-major. A stride is the
// distance of two rows in memory, in elements; for a factor, before its transposition.
void pn_blas_sgemm(
    bool a_is_transposed, bool b_is_transposed, int64_t rows, int64_t columns, int64_t inner, const float *a,
    int64_t a_stride, const float *b, int64_t b_stride, bool accumulates, float *c, int64_t c_stride);
void pn_blas_dgemm(
    bool a_is_transposed, bool b_is_transposed, int64_t rows, int64_t columns, int64_t inner, const double *a,
    int64_t a_stride, const double *b, int64_t b_stride, bool accumulates, double *c, int64_t c_stride);

// Ascending eigenvalues of a symmetric matrix [size, size]. The matrix is overwritten, with the eigenvectors as rows if
// `vectors`. False if the iteration does not converge or memory is short.
bool pn_blas_eigen(int64_t size, double *matrix, double *eigenvalues, bool vectors);

// Computes matrix multiplications with known results, in every form that is used, and an eigenvalue problem. NULL if
// all are correct, else the form that is wrong, such as "sgemm, A^T x B, 67 x 61 x 131".
const char *pn_blas_wrong_result(void);

#endif
