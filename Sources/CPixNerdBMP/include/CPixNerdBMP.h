// The BMP reader of stb_image, a library that consists of a header.
#ifndef PIXNERD_BMP_H
#define PIXNERD_BMP_H

#include <stddef.h>
#include <stdint.h>

// The size of the BMP at `bytes`, and its stored channels: 3, or 4 with alpha. 0 if it is damaged or of a kind that is
// not read; `*reason` then says why in a word or two.
int pn_bmp_size(const uint8_t *bytes, int count, int *width, int *height, int *channels, const char **reason);

// The pixels of the BMP at `bytes` as `channels` (3 or 4) interleaved bytes, to be released with pn_bmp_release; NULL
// if it is damaged, with the reason.
uint8_t *pn_bmp_decode(const uint8_t *bytes, int count, int channels, int *width, int *height, const char **reason);

void pn_bmp_release(uint8_t *pixels);

#endif
