#include "CPixNerdBMP.h"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS (1 << 28)
// The library's own functions that a reader of one format does not use.
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include <stb/stb_image.h>
#pragma clang diagnostic pop

int pn_bmp_size(const uint8_t *bytes, int count, int *width, int *height, int *channels, const char **reason) {
    int found = stbi_info_from_memory(bytes, count, width, height, channels);
    if (!found) *reason = stbi_failure_reason();
    return found;
}

uint8_t *pn_bmp_decode(const uint8_t *bytes, int count, int channels, int *width, int *height, const char **reason) {
    int stored = 0;
    uint8_t *pixels = stbi_load_from_memory(bytes, count, width, height, &stored, channels);
    if (pixels == NULL) *reason = stbi_failure_reason();
    return pixels;
}

void pn_bmp_release(uint8_t *pixels) { stbi_image_free(pixels); }
