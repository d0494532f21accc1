#include "memory_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static TIFF *open_bytes(memory_file *file, const uint8_t *bytes, size_t count, char *message) {
    // Only read through; libtiff's type has no const.
    *file = (memory_file){(uint8_t *)(uintptr_t)bytes, count, count, 0, message, 0};
    return pn_open_memory(file, "r");
}

static pn_tiff_status refused(char *message, const char *format, unsigned number) {
    snprintf(message, PIXNERD_TIFF_MESSAGE_SIZE, format, number);
    return PIXNERD_TIFF_UNSUPPORTED;
}

// The layout of the stored values.
typedef struct {
    uint16_t samples;
    uint16_t bits;
    uint16_t format;
    uint16_t photometric;
    uint16_t planes;
} layout;

static layout layout_of(TIFF *tiff) {
    layout stored = {1, 1, SAMPLEFORMAT_UINT, PHOTOMETRIC_MINISBLACK, PLANARCONFIG_CONTIG};
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &stored.samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &stored.bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &stored.format);
    TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &stored.photometric);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &stored.planes);
    if (stored.format == SAMPLEFORMAT_VOID) stored.format = SAMPLEFORMAT_UINT;
    return stored;
}

static int is_plain(layout stored) {
    return stored.photometric == PHOTOMETRIC_MINISBLACK || stored.photometric == PHOTOMETRIC_MINISWHITE
        || stored.photometric == PHOTOMETRIC_RGB;
}

static pn_tiff_status describe(TIFF *tiff, pn_tiff_picture *picture, char *message) {
    layout stored = layout_of(tiff);
    memset(picture, 0, sizeof *picture);
    uint16_t orientation = 1;
    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &picture->width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &picture->height);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &orientation);
    picture->orientation = orientation;
    uint32_t profile = 0;
    void *data = NULL;
    picture->has_profile = TIFFGetField(tiff, TIFFTAG_ICCPROFILE, &profile, &data);
    uint16_t extra = 0;
    uint16_t *kinds = NULL;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_EXTRASAMPLES, &extra, &kinds);
    picture->has_alpha =
        extra == 1 && kinds != NULL && (kinds[0] == EXTRASAMPLE_UNASSALPHA || kinds[0] == EXTRASAMPLE_ASSOCALPHA);
    if (!is_plain(stored) || (stored.bits < 8 && stored.samples == 1)) {
        char reason[1024] = "";
        if (!TIFFRGBAImageOK(tiff, reason)) {
            snprintf(message, PIXNERD_TIFF_MESSAGE_SIZE, "colours that cannot be converted (%s)", reason);
            return PIXNERD_TIFF_UNSUPPORTED;
        }
        picture->is_converted = 1;
        picture->bits = 8;
        picture->channels = picture->has_alpha ? 4 : 3;
        return PIXNERD_TIFF_OK;
    }
    picture->bits = stored.bits;
    picture->channels = stored.samples;
    if (stored.format == SAMPLEFORMAT_UINT && (stored.bits == 8 || stored.bits == 16)) return PIXNERD_TIFF_OK;
    if (stored.format == SAMPLEFORMAT_IEEEFP && stored.bits == 32) return PIXNERD_TIFF_OK;
    if (stored.format == SAMPLEFORMAT_INT) return refused(message, "signed integers of %u bits", stored.bits);
    if (stored.format == SAMPLEFORMAT_IEEEFP) return refused(message, "floats of %u bits", stored.bits);
    if (stored.format == SAMPLEFORMAT_UINT) return refused(message, "unsigned integers of %u bits", stored.bits);
    return refused(message, "complex numbers of %u bits", stored.bits);
}

pn_tiff_status pn_tiff_describe(const uint8_t *bytes, size_t count, pn_tiff_picture *picture, char *message) {
    memory_file file;
    TIFF *tiff = open_bytes(&file, bytes, count, message);
    if (tiff == NULL) return PIXNERD_TIFF_BROKEN;
    pn_tiff_status status = describe(tiff, picture, message);
    picture->has_further_pages = status == PIXNERD_TIFF_OK && !TIFFLastDirectory(tiff);
    TIFFClose(tiff);
    if (status == PIXNERD_TIFF_OK) message[0] = '\0';
    return status;
}

// Copies a tile or strip of one plane, or of all channels, to its place.
static void place(
    const uint8_t *block, uint32_t block_width, uint32_t block_height, size_t sample_bytes, uint8_t *pixels,
    const pn_tiff_picture *picture, uint32_t x, uint32_t y, uint32_t first, uint32_t samples) {
    size_t pixel_bytes = sample_bytes * picture->channels;
    uint32_t columns = picture->width - x < block_width ? picture->width - x : block_width;
    uint32_t rows = picture->height - y < block_height ? picture->height - y : block_height;
    for (uint32_t row = 0; row < rows; row++) {
        const uint8_t *source = block + (size_t)row * block_width * samples * sample_bytes;
        uint8_t *target = pixels + ((size_t)(y + row) * picture->width + x) * pixel_bytes + first * sample_bytes;
        if (samples == picture->channels) {
            memcpy(target, source, (size_t)columns * pixel_bytes);
        } else {
            for (uint32_t column = 0; column < columns; column++) {
                memcpy(target + column * pixel_bytes, source + column * sample_bytes, sample_bytes);
            }
        }
    }
}

static pn_tiff_status decode_blocks(TIFF *tiff, layout stored, const pn_tiff_picture *picture, uint8_t *pixels) {
    int is_tiled = TIFFIsTiled(tiff);
    uint32_t width = picture->width, height = picture->height;
    if (is_tiled) {
        TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &width);
        TIFFGetField(tiff, TIFFTAG_TILELENGTH, &height);
    } else {
        TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &height);
        if (height > picture->height) height = picture->height;
    }
    if (width == 0 || height == 0) return PIXNERD_TIFF_BROKEN;
    uint32_t passes = stored.planes == PLANARCONFIG_SEPARATE ? picture->channels : 1;
    uint32_t samples = passes > 1 ? 1 : picture->channels;
    size_t sample_bytes = picture->bits / 8;
    tmsize_t size = is_tiled ? TIFFTileSize(tiff) : TIFFStripSize(tiff);
    // What `place` reads must be there, whatever the header says.
    if (size <= 0 || (double)width * height * samples * (double)sample_bytes > (double)size) return PIXNERD_TIFF_BROKEN;
    // Tiles may be larger than a small picture, but not without bound.
    double bytes = (double)picture->width * picture->height * picture->channels * (double)sample_bytes;
    if ((double)size > 4 * bytes + (64 << 20)) return PIXNERD_TIFF_BROKEN;
    uint8_t *block = calloc(1, (size_t)size);
    if (block == NULL) return PIXNERD_TIFF_NO_MEMORY;
    pn_tiff_status status = PIXNERD_TIFF_OK;
    for (uint32_t pass = 0; pass < passes && status == PIXNERD_TIFF_OK; pass++) {
        for (uint32_t y = 0; y < picture->height && status == PIXNERD_TIFF_OK; y += height) {
            for (uint32_t x = 0; x < picture->width && status == PIXNERD_TIFF_OK; x += width) {
                uint32_t rows = picture->height - y < height ? picture->height - y : height;
                // The last strip has only the rows that are left.
                tmsize_t wanted = is_tiled ? size : (tmsize_t)((size_t)rows * width * samples * sample_bytes);
                tmsize_t got = is_tiled
                    ? TIFFReadEncodedTile(tiff, TIFFComputeTile(tiff, x, y, 0, (uint16_t)pass), block, size)
                    : TIFFReadEncodedStrip(tiff, TIFFComputeStrip(tiff, y, (uint16_t)pass), block, wanted);
                if (got < wanted) {
                    status = PIXNERD_TIFF_BROKEN;
                } else {
                    place(
                        block, width, rows < height && !is_tiled ? rows : height, sample_bytes, pixels, picture, x, y,
                        pass, samples);
                }
                if (picture->width - x <= width) break;
            }
            if (picture->height - y <= height) break;
        }
    }
    free(block);
    return status;
}

// White is stored as 0.
static void invert(uint8_t *pixels, const pn_tiff_picture *picture) {
    size_t count = (size_t)picture->width * picture->height, channels = picture->channels;
    for (size_t i = 0; i < count; i++) {
        if (picture->bits == 8) {
            pixels[i * channels] = 255 - pixels[i * channels];
        } else if (picture->bits == 16) {
            uint16_t *words = (uint16_t *)(void *)pixels;
            words[i * channels] = 65535 - words[i * channels];
        }
    }
}

static pn_tiff_status decode_converted(TIFF *tiff, const pn_tiff_picture *picture, uint8_t *pixels) {
    size_t count = (size_t)picture->width * picture->height;
    uint32_t *raster = malloc(count * sizeof *raster);
    if (raster == NULL) return PIXNERD_TIFF_NO_MEMORY;
    // As it is stored: the caller turns pictures, or does not.
    TIFFSetField(tiff, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
    int is_read = TIFFReadRGBAImageOriented(tiff, picture->width, picture->height, raster, ORIENTATION_TOPLEFT, 1);
    for (size_t i = 0; is_read && i < count; i++) {
        uint8_t color[4] = {TIFFGetR(raster[i]), TIFFGetG(raster[i]), TIFFGetB(raster[i]), TIFFGetA(raster[i])};
        memcpy(pixels + i * picture->channels, color, picture->channels);
    }
    free(raster);
    return is_read ? PIXNERD_TIFF_OK : PIXNERD_TIFF_BROKEN;
}

pn_tiff_status pn_tiff_decode(const uint8_t *bytes, size_t count, void *pixels, char *message) {
    memory_file file;
    TIFF *tiff = open_bytes(&file, bytes, count, message);
    if (tiff == NULL) return PIXNERD_TIFF_BROKEN;
    pn_tiff_picture picture;
    pn_tiff_status status = describe(tiff, &picture, message);
    if (status == PIXNERD_TIFF_OK) {
        layout stored = layout_of(tiff);
        if (picture.is_converted) {
            status = decode_converted(tiff, &picture, pixels);
        } else {
            status = decode_blocks(tiff, stored, &picture, pixels);
            if (status == PIXNERD_TIFF_OK && stored.photometric == PHOTOMETRIC_MINISWHITE) invert(pixels, &picture);
        }
    }
    TIFFClose(tiff);
    return status;
}

const char *pn_tiff_version(void) { return TIFFGetVersion(); }
