#include "memory_file.h"

#include <stdlib.h>
#include <string.h>

static int write_picture(
    TIFF *tiff, const uint8_t *pixels, uint32_t width, uint32_t height, uint32_t channels, uint32_t bits,
    int has_alpha) {
    int is_color = channels == 3 || (channels == 4 && has_alpha);
    uint32_t extra = channels - (is_color ? 3 : 1);
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, width);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, height);
    TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, channels);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, bits);
    TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, bits == 32 ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT);
    TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, is_color ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK);
    TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
    if (extra > 0) {
        uint16_t kinds[UINT8_MAX + 1] = {0};
        kinds[0] = has_alpha ? EXTRASAMPLE_UNASSALPHA : EXTRASAMPLE_UNSPECIFIED;
        TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, (int)extra, kinds);
    }
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, TIFFDefaultStripSize(tiff, 0));
    size_t stride = (size_t)width * channels * (bits / 8);
    // libtiff may change the row in place.
    uint8_t *row = malloc(stride);
    int is_written = row != NULL;
    for (uint32_t y = 0; is_written && y < height; y++) {
        memcpy(row, pixels + y * stride, stride);
        is_written = TIFFWriteScanline(tiff, row, y, 0) >= 0;
    }
    free(row);
    return is_written && TIFFFlush(tiff);
}

pn_tiff_status pn_tiff_encode(
    const void *pixels, uint32_t width, uint32_t height, uint32_t channels, uint32_t bits, int has_alpha,
    uint8_t **file, size_t *size, char *message) {
    memory_file output = {malloc(1 << 16), 0, 1 << 16, 0, message, 0};
    TIFF *tiff = output.bytes == NULL || channels == 0 || channels > UINT8_MAX ? NULL : pn_open_memory(&output, "w");
    int is_written = tiff != NULL && write_picture(tiff, pixels, width, height, channels, bits, has_alpha);
    if (tiff != NULL) TIFFClose(tiff);
    if (!is_written || output.is_out_of_memory) {
        free(output.bytes);
        return output.bytes == NULL || output.is_out_of_memory ? PIXNERD_TIFF_NO_MEMORY : PIXNERD_TIFF_BROKEN;
    }
    *file = output.bytes;
    *size = output.count;
    return PIXNERD_TIFF_OK;
}
