#include "CImageKernels.h"

#include <string.h>

// Under the thread sanitizer the choice of a level would run before the sanitizer is ready, and crash.
#if defined(__x86_64__) && defined(__linux__) && !__has_feature(thread_sanitizer)
#define EVERY_LEVEL __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#else
#define EVERY_LEVEL
#endif

/// One pixel with a fourth lane that nobody looks at: the vector loads are four bytes wide.
typedef uint8_t bytes4 __attribute__((vector_size(4)));
typedef int32_t lanes4 __attribute__((vector_size(16)));

static inline uint8_t rounded(int32_t sum) {
    int32_t value = sum >> PIXNERD_WEIGHT_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static inline void store_pixel(uint8_t *output, lanes4 sum) {
    output[0] = rounded(sum[0]);
    output[1] = rounded(sum[1]);
    output[2] = rounded(sum[2]);
}

static inline lanes4 load_pixel(const uint8_t *pixel) {
    bytes4 loaded;
    memcpy(&loaded, pixel, 4);
    return __builtin_convertvector(loaded, lanes4);
}

static const int32_t half = 1 << (PIXNERD_WEIGHT_BITS - 1);

/// A row that may end where readable memory ends, so that its last pixel must not be loaded as four bytes.
static void resample_row(const uint8_t *input, uint8_t *output, size_t width, const int32_t *starts,
                         const int32_t *counts, const int32_t *weights, size_t taps) {
    for (size_t x = 0; x < width; x++) {
        const uint8_t *pixel = input + (size_t)starts[x] * 3;
        int32_t red = half, green = half, blue = half;
        for (int32_t tap = 0; tap < counts[x]; tap++) {
            int32_t weight = weights[x * taps + (size_t)tap];
            red += pixel[3 * tap] * weight;
            green += pixel[3 * tap + 1] * weight;
            blue += pixel[3 * tap + 2] * weight;
        }
        output[3 * x] = rounded(red);
        output[3 * x + 1] = rounded(green);
        output[3 * x + 2] = rounded(blue);
    }
}

EVERY_LEVEL
void pixnerd_resample_rows(const uint8_t *input, size_t input_stride, uint8_t *output, size_t width, size_t rows,
                           const int32_t *starts, const int32_t *counts, const int32_t *weights, size_t taps) {
    size_t output_stride = width * 3;
    size_t row = 0;
    // Four rows at once: each weight is read once for four pixels, and the four sums do not wait for one another.
    // The last row is never among them, so a four-byte load always stays inside the picture.
    for (; row + 4 < rows; row += 4) {
        const uint8_t *rows4 = input + row * input_stride;
        uint8_t *written = output + row * output_stride;
        for (size_t x = 0; x < width; x++) {
            const uint8_t *pixel = rows4 + (size_t)starts[x] * 3;
            const int32_t *weight = weights + x * taps;
            lanes4 sum0 = {half, half, half, half}, sum1 = sum0, sum2 = sum0, sum3 = sum0;
            for (int32_t tap = 0; tap < counts[x]; tap++) {
                sum0 += load_pixel(pixel) * weight[tap];
                sum1 += load_pixel(pixel + input_stride) * weight[tap];
                sum2 += load_pixel(pixel + 2 * input_stride) * weight[tap];
                sum3 += load_pixel(pixel + 3 * input_stride) * weight[tap];
                pixel += 3;
            }
            store_pixel(written + 3 * x, sum0);
            store_pixel(written + output_stride + 3 * x, sum1);
            store_pixel(written + 2 * output_stride + 3 * x, sum2);
            store_pixel(written + 3 * output_stride + 3 * x, sum3);
        }
    }
    for (; row < rows; row++) {
        resample_row(input + row * input_stride, output + row * output_stride, width, starts, counts, weights, taps);
    }
}

EVERY_LEVEL
void pixnerd_blend_rows(const uint8_t *input, size_t stride, uint8_t *output, size_t bytes, const int32_t *weights,
                        size_t taps) {
    enum { block = 64 };
    size_t i = 0;
    for (; i + block <= bytes; i += block) {
        int32_t sums[block];
        for (size_t j = 0; j < block; j++) sums[j] = half;
        for (size_t tap = 0; tap < taps; tap++) {
            const uint8_t *row = input + tap * stride + i;
            for (size_t j = 0; j < block; j++) sums[j] += row[j] * weights[tap];
        }
        for (size_t j = 0; j < block; j++) output[i + j] = rounded(sums[j]);
    }
    for (; i < bytes; i++) {
        int32_t sum = half;
        for (size_t tap = 0; tap < taps; tap++) sum += input[tap * stride + i] * weights[tap];
        output[i] = rounded(sum);
    }
}
