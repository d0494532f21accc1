// libpng behind plain functions that return a status: libpng reports errors by longjmp, which must not cross Swift.
//
// The simplified png_image_* interface would need no shim, but it composites transparency and applies the file's gamma.
// Training needs the stored values, so this uses the full interface.
#ifndef PIXNERD_PNG_H
#define PIXNERD_PNG_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    PIXNERD_PNG_OK = 0,
    // The bytes end before the image does.
    PIXNERD_PNG_CUT_SHORT = 1,
    // libpng refuses the bytes; the message says why.
    PIXNERD_PNG_BROKEN = 2,
    PIXNERD_PNG_NO_MEMORY = 3,
} pn_png_status;

enum { PIXNERD_PNG_MESSAGE_SIZE = 128 };

// The layout of interleaved pixels: 1 to 4 channels (grey, grey with alpha, RGB, RGB with alpha) of 8 or 16 bits.
typedef struct {
    uint32_t width;
    uint32_t height;
    uint32_t channels;
    uint32_t bits;
} pn_png_layout;

// Reads the layout of the stored values from the header of the PNG at `bytes`: palettes count as colours, and a
// transparent colour as alpha. `message` has room for PIXNERD_PNG_MESSAGE_SIZE characters.
pn_png_status pn_png_describe(const uint8_t *bytes, size_t count, pn_png_layout *layout, char *message);

// Decodes the PNG at `bytes` to interleaved 8-bit RGB, rows without padding. `pixels` has room for width x height x 3
// bytes. If the image has another size, the status is BROKEN.
pn_png_status pn_png_decode(
    const uint8_t *bytes, size_t count, uint8_t *pixels, uint32_t width, uint32_t height, char *message);

// Decodes the stored values to the layout that pn_png_describe told, 16 bits in the byte order of this machine.
pn_png_status pn_png_decode_stored(
    const uint8_t *bytes, size_t count, void *pixels, const pn_png_layout *layout, char *message);

// A text in a PNG: a keyword of 1 to 79 Latin-1 characters, and UTF-8 of any length.
typedef struct {
    const char *keyword;
    const char *text;
} pn_png_text;

// Encodes pixels as a PNG with `text_count` texts, before the pixels. On success `*bytes` is a buffer of `*count` bytes
// to be released with free().
pn_png_status pn_png_encode(
    const void *pixels, const pn_png_layout *layout, const pn_png_text *texts, size_t text_count, uint8_t **bytes,
    size_t *count, char *message);

// The version of libpng, such as "1.6.39".
const char *pn_png_version(void);

// The bytes of a PNG file.
typedef struct {
    const uint8_t *bytes;
    size_t count;
} pn_png_file;

// Encodes frames of one size as an animated PNG that plays endlessly (the APNG chunks of PNG, third edition).
//
// `later` are the PNG files of the `count - 1` frames after the first, as pn_png_encode makes them; `delays` are
// the times in milliseconds that each of the `count` frames is shown.
pn_png_status pn_png_encode_animation(
    const uint8_t *first, uint32_t width, uint32_t height, const pn_png_file *later, const uint16_t *delays,
    uint32_t count, uint8_t **bytes, size_t *written, char *message);

#endif
