// The Wasserstein distance between distributions of numbers.
#include "kernel.h"

KERNEL(
    void, pn_wasserstein_sweep,
    (size_t count, const float *restrict values, size_t other_count, const float *restrict other_values,
     const uint32_t *restrict rows, size_t columns, const double *restrict weights, double *restrict difference,
     double *restrict sums),
    (count, values, other_count, other_values, rows, columns, weights, difference, sums)) {
    RELAXED
    // difference[c] is the share of the first set below the sweep's position less that of the second set, by column c.
    const double share = 1.0 / (double)count;
    for (size_t c = 0; c < columns; c++) {
        difference[c] = 0;
        sums[c] = 0;
    }
    size_t i = 0, j = 0;
    float place = 0;
    while (i < count || j < other_count) {
        const int is_first = j == other_count || (i < count && values[i] <= other_values[j]);
        const float next = is_first ? values[i] : other_values[j];
        if (i + j > 0 && next > place) {
            const double length = (double)next - (double)place;
            VECTORIZED
            for (size_t c = 0; c < columns; c++) sums[c] += length * __builtin_fabs(difference[c]);
        }
        place = next;
        if (is_first) {
            VECTORIZED
            for (size_t c = 0; c < columns; c++) difference[c] += share;
            i++;
        } else {
            const double *restrict row = weights + (size_t)rows[j] * columns;
            VECTORIZED
            for (size_t c = 0; c < columns; c++) difference[c] -= row[c];
            j++;
        }
    }
}
