// Whether a library computes right: some old builds compute wrongly on processors that are newer than they are.
#include "CBLAS.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// Products of small whole numbers, whose sums float32 holds exactly in any order. With a[i][k] = p[i] q[k] + r[i] and
// b[k][j] = s[k] t[j] + u[j] each element of the product follows from four sums over k.
enum { period = 7, stray = 12345, margin = 3 };

static int p(int64_t i) { return (int)(i * 5 % period) - 3; }
static int q(int64_t k) { return (int)(k * 3 % 5) - 2; }
static int r(int64_t i) { return (int)(i * 2 % 3) - 1; }
static int s(int64_t k) { return (int)(k * 7 % 11) - 5; }
static int t(int64_t j) { return (int)(j * 3 % period) - 3; }
static int u(int64_t j) { return (int)(j % 3) - 1; }

typedef struct { int64_t qs, q, s; } sums;

static sums sums_over(int64_t inner) {
    sums sum = {0, 0, 0};
    for (int64_t k = 0; k < inner; k++) sum.qs += q(k) * s(k), sum.q += q(k), sum.s += s(k);
    return sum;
}

static int64_t element(const sums *sum, int64_t inner, int64_t i, int64_t j) {
    return p(i) * t(j) * sum->qs + p(i) * u(j) * sum->q + r(i) * t(j) * sum->s + r(i) * u(j) * inner;
}

// What c holds before, which is added to or written over. Beyond the columns nothing may change.
static int before(int64_t i, int64_t j) { return (int)((i + 2 * j) % 9) - 4; }

// Rows of all matrices are a few elements further apart than they are long.
#define CHECK(multiply, number)                                                                                       \
    static bool multiply##_is_right(bool a_form, bool b_form, bool adds, int64_t m, int64_t n, int64_t inner) {       \
        const int64_t a_stride = (a_form ? m : inner) + margin, b_stride = (b_form ? inner : n) + margin;             \
        const int64_t c_stride = n + margin;                                                                          \
        number *a = calloc((size_t)((a_form ? inner : m) * a_stride), sizeof *a);                                     \
        number *b = calloc((size_t)((b_form ? n : inner) * b_stride), sizeof *b);                                     \
        number *c = calloc((size_t)(m * c_stride), sizeof *c);                                                        \
        bool right = a && b && c;                                                                                     \
        for (int64_t i = 0; right && i < m; i++) {                                                                    \
            for (int64_t k = 0; k < inner; k++) a[a_form ? k * a_stride + i : i * a_stride + k] = p(i) * q(k) + r(i); \
            for (int64_t j = 0; j < c_stride; j++) c[i * c_stride + j] = j < n ? before(i, j) : stray;                \
        }                                                                                                             \
        for (int64_t k = 0; right && k < inner; k++) {                                                                \
            for (int64_t j = 0; j < n; j++) b[b_form ? j * b_stride + k : k * b_stride + j] = s(k) * t(j) + u(j);     \
        }                                                                                                             \
        const sums sum = sums_over(inner);                                                                            \
        if (right) multiply(a_form, b_form, m, n, inner, a, a_stride, b, b_stride, adds, c, c_stride);                \
        for (int64_t i = 0; right && i < m; i++) {                                                                    \
            for (int64_t j = 0; right && j < c_stride; j++) {                                                         \
                const int64_t own = element(&sum, inner, i, j) + (adds ? before(i, j) : 0);                           \
                right = c[i * c_stride + j] == (number)(j < n ? own : stray);                                         \
            }                                                                                                         \
        }                                                                                                             \
        free(a), free(b), free(c);                                                                                    \
        return right;                                                                                                 \
    }
CHECK(blas_sgemm, float)
CHECK(blas_dgemm, double)

// The matrix with 2 on its diagonal and -1 beside it has the eigenvalues 2 - 2 cos(k pi / (n + 1)).
static bool eigen_is_right(void) {
    enum { size = 40 };
    double matrix[size * size] = {0}, values[size];
    for (int i = 0; i < size; i++) {
        matrix[i * size + i] = 2;
        if (i > 0) matrix[i * size + i - 1] = matrix[(i - 1) * size + i] = -1;
    }
    if (!blas_eigen(size, matrix, values, true)) return false;
    for (int k = 0; k < size; k++) {
        // Not "greater than", so that what is no number is wrong.
        if (!(fabs(values[k] - (2 - 2 * cos((k + 1) * M_PI / (size + 1)))) < 1e-12)) return false;
        double length = 0;
        for (int i = 0; i < size; i++) length += matrix[k * size + i] * matrix[k * size + i];
        if (!(fabs(length - 1) < 1e-12)) return false;
    }
    return true;
}

const char *blas_wrong_result(void) {
    // Vectors, sizes below and beside those of register tiles, and one that is cut into several blocks for the caches.
    const int64_t sizes[][3] = {{1, 61, 131}, {61, 1, 131}, {3, 5, 7}, {16, 48, 64}, {67, 61, 131}, {131, 197, 403}};
    static char text[128];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int form = 0; form < 4; form++) {
            const bool a_form = form & 1, b_form = form & 2, adds = (form + i) % 2;
            const int64_t m = sizes[i][0], n = sizes[i][1], inner = sizes[i][2];
            const bool single = blas_sgemm_is_right(a_form, b_form, adds, m, n, inner);
            // Statistics take no product of two transposed factors.
            if (single && ((a_form && b_form) || blas_dgemm_is_right(a_form, b_form, adds, m, n, inner))) continue;
            snprintf(
                text, sizeof text, "%s, %s x %s, %d x %d x %d", single ? "dgemm" : "sgemm", a_form ? "A^T" : "A",
                b_form ? "B^T" : "B", (int)m, (int)n, (int)inner);
            return text;
        }
    }
    return eigen_is_right() ? NULL : "dsyevd, eigenvalues of a 40 x 40 matrix";
}
