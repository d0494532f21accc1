#include "CPixNerdPNGShim.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

// The bytes that are still to be read, and the error.
typedef struct {
    const uint8_t *bytes;
    size_t left;
    pn_png_status status;
    char *message;
} source;

// The growing buffer that an encoder writes to, and the error.
typedef struct {
    uint8_t *bytes;
    size_t count;
    size_t capacity;
    pn_png_status status;
    char *message;
} sink;

static void store_message(char *message, const char *text) {
    strncpy(message, text, PIXNERD_PNG_MESSAGE_SIZE - 1);
    message[PIXNERD_PNG_MESSAGE_SIZE - 1] = '\0';
}

static void source_failed(png_structp png, png_const_charp text) {
    source *input = png_get_error_ptr(png);
    if (input->status == PIXNERD_PNG_OK) input->status = PIXNERD_PNG_BROKEN;
    store_message(input->message, text);
    png_longjmp(png, 1);
}

static void sink_failed(png_structp png, png_const_charp text) {
    sink *output = png_get_error_ptr(png);
    if (output->status == PIXNERD_PNG_OK) output->status = PIXNERD_PNG_BROKEN;
    store_message(output->message, text);
    png_longjmp(png, 1);
}

static void ignore_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep destination, png_size_t count) {
    source *input = png_get_io_ptr(png);
    if (count > input->left) {
        input->status = PIXNERD_PNG_CUT_SHORT;
        png_error(png, "the data end early");
    }
    memcpy(destination, input->bytes, count);
    input->bytes += count;
    input->left -= count;
}

static void write_bytes(png_structp png, png_bytep bytes, png_size_t count) {
    sink *output = png_get_io_ptr(png);
    if (count > output->capacity - output->count) {
        size_t capacity = output->capacity * 2;
        if (capacity < output->count + count) capacity = output->count + count;
        uint8_t *grown = realloc(output->bytes, capacity);
        if (grown == NULL) {
            output->status = PIXNERD_PNG_NO_MEMORY;
            png_error(png, "out of memory");
        }
        output->bytes = grown;
        output->capacity = capacity;
    }
    memcpy(output->bytes + output->count, bytes, count);
    output->count += count;
}

static void flush_nothing(png_structp png) { (void)png; }

// Asks libpng for 8-bit RGB without transparency, like Pillow's convert("RGB").
static void ask_for_rgb(png_structp png, png_infop info) {
    png_byte color_type = png_get_color_type(png, info);
    png_set_strip_16(png);
    png_set_packing(png);
    if (color_type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (color_type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
    if ((color_type & PNG_COLOR_MASK_COLOR) == 0) png_set_gray_to_rgb(png);
    // After the palette: expanding a palette with a tRNS chunk also adds an alpha channel.
    png_set_strip_alpha(png);
}

// Asks libpng for the stored values: palettes as colours, alpha where there is any, and 16 bits in this machine's order.
static void ask_for_stored(png_structp png, png_infop info) {
    png_byte color_type = png_get_color_type(png, info);
    png_set_packing(png);
    if (color_type == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (color_type == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
    if (png_get_valid(png, info, PNG_INFO_tRNS)) png_set_tRNS_to_alpha(png);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (png_get_bit_depth(png, info) == 16) png_set_swap(png);
#endif
}

// Functions that call setjmp have no local variable that changes after it. What must survive a longjmp, the source or
// the sink, belongs to their callers.

static void read_size(png_structp png, png_infop info, uint32_t *width, uint32_t *height) {
    if (setjmp(png_jmpbuf(png)) != 0) return;
    png_read_info(png, info);
    *width = png_get_image_width(png, info);
    *height = png_get_image_height(png, info);
}

static void read_layout(png_structp png, png_infop info, pn_png_layout *layout) {
    if (setjmp(png_jmpbuf(png)) != 0) return;
    png_read_info(png, info);
    ask_for_stored(png, info);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    layout->width = png_get_image_width(png, info);
    layout->height = png_get_image_height(png, info);
    layout->channels = png_get_channels(png, info);
    layout->bits = png_get_bit_depth(png, info);
}

// Reads pixels of the given layout; as 8-bit RGB if `is_rgb`.
static void read_pixels(png_structp png, png_infop info, uint8_t *pixels, const pn_png_layout *layout, int is_rgb) {
    if (setjmp(png_jmpbuf(png)) != 0) return;
    png_read_info(png, info);
    if (is_rgb) {
        ask_for_rgb(png, info);
    } else {
        ask_for_stored(png, info);
    }
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    uint32_t height = layout->height;
    size_t stride = (size_t)layout->width * layout->channels * (layout->bits / 8);
    if (png_get_image_width(png, info) != layout->width || png_get_image_height(png, info) != height
        || png_get_rowbytes(png, info) != stride) {
        png_error(png, "the layout of the rows is another than was told");
    }
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t row = 0; row < height; row++) png_read_row(png, pixels + row * stride, NULL);
    }
    // Reads up to the end chunk, so that a truncated file is noticed.
    png_read_end(png, NULL);
}

static void write_pixels(png_structp png, png_infop info, const uint8_t *pixels, const pn_png_layout *layout) {
    static const int color_types[] = {
        PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
    if (setjmp(png_jmpbuf(png)) != 0) return;
    png_set_IHDR(
        png, info, layout->width, layout->height, (int)layout->bits, color_types[layout->channels - 1],
        PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (layout->bits == 16) png_set_swap(png);
#endif
    size_t stride = (size_t)layout->width * layout->channels * (layout->bits / 8);
    for (uint32_t row = 0; row < layout->height; row++) png_write_row(png, pixels + row * stride);
    png_write_end(png, NULL);
}

// Reads only the layout if `pixels` is NULL, else the pixels of an image of exactly the given layout.
static pn_png_status read_image(
    const uint8_t *bytes, size_t count, uint8_t *pixels, pn_png_layout *layout, int is_rgb, char *message) {
    source input = {bytes, count, PIXNERD_PNG_OK, message};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input, source_failed, ignore_warning);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    if (info == NULL) {
        png_destroy_read_struct(&png, NULL, NULL);
        return PIXNERD_PNG_NO_MEMORY;
    }
    png_set_read_fn(png, &input, read_bytes);
    if (pixels != NULL) {
        read_pixels(png, info, pixels, layout, is_rgb);
    } else if (is_rgb) {
        read_size(png, info, &layout->width, &layout->height);
    } else {
        read_layout(png, info, layout);
    }
    png_destroy_read_struct(&png, &info, NULL);
    return input.status;
}

pn_png_status pn_png_size(const uint8_t *bytes, size_t count, uint32_t *width, uint32_t *height, char *message) {
    pn_png_layout layout = {0, 0, 3, 8};
    pn_png_status status = read_image(bytes, count, NULL, &layout, 1, message);
    *width = layout.width;
    *height = layout.height;
    return status;
}

pn_png_status pn_png_decode(
    const uint8_t *bytes, size_t count, uint8_t *pixels, uint32_t width, uint32_t height, char *message) {
    pn_png_layout layout = {width, height, 3, 8};
    return read_image(bytes, count, pixels, &layout, 1, message);
}

pn_png_status pn_png_describe(const uint8_t *bytes, size_t count, pn_png_layout *layout, char *message) {
    return read_image(bytes, count, NULL, layout, 0, message);
}

pn_png_status pn_png_decode_stored(
    const uint8_t *bytes, size_t count, void *pixels, const pn_png_layout *layout, char *message) {
    pn_png_layout told = *layout;
    return read_image(bytes, count, pixels, &told, 0, message);
}

static void put_number(uint8_t *bytes, uint32_t number) {
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(number >> (24 - 8 * i));
}

static uint32_t number_at(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

// Writes a frame's fcTL chunk: the frame covers the canvas, replaces the previous one, and is shown for `delay` ms.
static void write_frame_control(png_structp png, uint32_t sequence, uint32_t width, uint32_t height, uint16_t delay) {
    uint8_t control[26] = {0};
    put_number(control, sequence);
    put_number(control + 4, width);
    put_number(control + 8, height);
    control[20] = (uint8_t)(delay >> 8);
    control[21] = (uint8_t)delay;
    control[22] = 1000 >> 8;
    control[23] = 1000 & 255;
    png_write_chunk(png, (png_const_bytep) "fcTL", control, sizeof control);
}

// Writes the data of a PNG file as a later frame, and returns the next sequence number.
static uint32_t write_frame_data(png_structp png, uint32_t sequence, pn_png_file file) {
    for (size_t at = 8; at + 12 <= file.count;) {
        uint32_t length = number_at(file.bytes + at);
        if (memcmp(file.bytes + at + 4, "IDAT", 4) == 0) {
            uint8_t number[4];
            put_number(number, sequence++);
            png_write_chunk_start(png, (png_const_bytep) "fdAT", length + 4);
            png_write_chunk_data(png, number, 4);
            png_write_chunk_data(png, file.bytes + at + 8, length);
            png_write_chunk_end(png);
        }
        at += (size_t)length + 12;
    }
    return sequence;
}

static void write_animation(
    png_structp png, png_infop info, const uint8_t *first, uint32_t width, uint32_t height, const pn_png_file *later,
    const uint16_t *delays, uint32_t count) {
    if (setjmp(png_jmpbuf(png)) != 0) return;
    png_set_IHDR(
        png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
        PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    uint8_t control[8] = {0};  // The number of frames, and 0 for endless play.
    put_number(control, count);
    png_write_chunk(png, (png_const_bytep) "acTL", control, sizeof control);
    write_frame_control(png, 0, width, height, delays[0]);
    for (uint32_t row = 0; row < height; row++) png_write_row(png, first + (size_t)row * width * 3);
    uint32_t sequence = 1;
    for (uint32_t frame = 1; frame < count; frame++) {
        write_frame_control(png, sequence++, width, height, delays[frame]);
        sequence = write_frame_data(png, sequence, later[frame - 1]);
    }
    png_write_end(png, NULL);
}

// The frames of an animation after the first.
typedef struct {
    const pn_png_file *later;
    const uint16_t *delays;
    uint32_t count;
} animation;

// Encodes an image, or an animation that begins with it if `frames` is not NULL.
static pn_png_status encode(
    const uint8_t *pixels, const pn_png_layout *layout, const animation *frames, uint8_t **bytes, size_t *count,
    char *message) {
    sink output = {NULL, 0, 1 << 16, PIXNERD_PNG_OK, message};
    output.bytes = malloc(output.capacity);
    png_structp png = output.bytes == NULL
        ? NULL
        : png_create_write_struct(PNG_LIBPNG_VER_STRING, &output, sink_failed, ignore_warning);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    if (info == NULL) {
        png_destroy_write_struct(&png, NULL);
        free(output.bytes);
        return PIXNERD_PNG_NO_MEMORY;
    }
    png_set_write_fn(png, &output, write_bytes, flush_nothing);
    if (frames == NULL) {
        write_pixels(png, info, pixels, layout);
    } else {
        write_animation(png, info, pixels, layout->width, layout->height, frames->later, frames->delays, frames->count);
    }
    png_destroy_write_struct(&png, &info);
    if (output.status != PIXNERD_PNG_OK) {
        free(output.bytes);
        return output.status;
    }
    *bytes = output.bytes;
    *count = output.count;
    return PIXNERD_PNG_OK;
}

pn_png_status pn_png_encode(
    const void *pixels, const pn_png_layout *layout, uint8_t **bytes, size_t *count, char *message) {
    return encode(pixels, layout, NULL, bytes, count, message);
}

pn_png_status pn_png_encode_animation(
    const uint8_t *first, uint32_t width, uint32_t height, const pn_png_file *later, const uint16_t *delays,
    uint32_t count, uint8_t **bytes, size_t *written, char *message) {
    animation frames = {later, delays, count};
    pn_png_layout layout = {width, height, 3, 8};
    return encode(first, &layout, &frames, bytes, written, message);
}
