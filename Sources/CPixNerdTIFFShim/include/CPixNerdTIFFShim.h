// libtiff behind plain functions that return a status: its fields are read through a function of variable arguments,
// and its errors go to a handler of the whole process.
#ifndef PIXNERD_TIFF_H
#define PIXNERD_TIFF_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    PIXNERD_TIFF_OK = 0,
    // libtiff refuses the bytes; the message says why.
    PIXNERD_TIFF_BROKEN = 1,
    // The values are of a kind that is not read; the message says which.
    PIXNERD_TIFF_UNSUPPORTED = 2,
    PIXNERD_TIFF_NO_MEMORY = 3,
} pn_tiff_status;

enum { PIXNERD_TIFF_MESSAGE_SIZE = 160 };

// What the first page of a TIFF file holds.
typedef struct {
    uint32_t width;
    uint32_t height;
    // Interleaved values of a decoded pixel: what is stored, or 3 or 4 where libtiff converts colours.
    uint32_t channels;
    // Bits of a decoded value: 8 or 16 unsigned, or 32 for float.
    uint32_t bits;
    // Whether the last channel is alpha, the colours not multiplied by it.
    int has_alpha;
    // Orientation, 1 to 8 as in EXIF.
    uint32_t orientation;
    int has_further_pages;
    // Whether libtiff converts the colours (palettes, inks, YCbCr, fewer than 8 bits).
    int is_converted;
    // The embedded colour profile, inside the bytes of a handle that is closed; only its presence is used.
    int has_profile;
} pn_tiff_picture;

// What libtiff says about itself: its name and version in the first line.
const char *pn_tiff_version(void);

// Reads the header of the first page.
pn_tiff_status pn_tiff_describe(const uint8_t *bytes, size_t count, pn_tiff_picture *picture, char *message);

// Decodes the first page to width x height x channels x bits / 8 bytes, as pn_tiff_describe told them, in the byte
// order of this machine and as it is stored, whatever its orientation.
pn_tiff_status pn_tiff_decode(const uint8_t *bytes, size_t count, void *pixels, char *message);

// Encodes a picture as a TIFF file with deflate. On success `*file` is a buffer of `*size` bytes to be released with
// free(). `bits` is 8, 16, or 32 for float; a fourth channel is alpha if `has_alpha`.
pn_tiff_status pn_tiff_encode(
    const void *pixels, uint32_t width, uint32_t height, uint32_t channels, uint32_t bits, int has_alpha,
    uint8_t **file, size_t *size, char *message);

#endif
