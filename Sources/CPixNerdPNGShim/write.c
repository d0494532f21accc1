#include "common.h"

// The growing buffer that an encoder writes to, and the error.
typedef struct {
    problem problem;
    uint8_t *bytes;
    size_t count;
    size_t capacity;
} sink;

static void write_bytes(png_structp png, png_bytep bytes, png_size_t count) {
    sink *output = png_get_io_ptr(png);
    if (count > output->capacity - output->count) {
        size_t capacity = output->capacity * 2;
        if (capacity < output->count + count) capacity = output->count + count;
        uint8_t *grown = realloc(output->bytes, capacity);
        if (grown == NULL) {
            output->problem.status = PIXNERD_PNG_NO_MEMORY;
            png_error(png, "out of memory");
        }
        output->bytes = grown;
        output->capacity = capacity;
    }
    memcpy(output->bytes + output->count, bytes, count);
    output->count += count;
}

static void flush_nothing(png_structp png) { (void)png; }

// Texts of ASCII as tEXt, which every reader knows, and others as iTXt.
static void set_texts(png_structp png, png_infop info, const pn_png_text *texts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int is_ascii = 1;
        for (const char *c = texts[i].text; *c != 0; c++) is_ascii = is_ascii && (unsigned char)*c < 128;
        png_text text = {
            .compression = is_ascii ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE,
            .key = (png_charp)texts[i].keyword,
            .text = (png_charp)texts[i].text,
            .text_length = is_ascii ? strlen(texts[i].text) : 0,
            .itxt_length = is_ascii ? 0 : strlen(texts[i].text)};
        png_set_text(png, info, &text, 1);
    }
}

static void write_pixels(
    png_structp png, png_infop info, const uint8_t *pixels, const pn_png_layout *layout, const pn_png_text *texts,
    size_t text_count) {
    static const int color_types[] = {
        PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
    if (setjmp(png_jmpbuf(png)) != 0) return;
    png_set_IHDR(
        png, info, layout->width, layout->height, (int)layout->bits, color_types[layout->channels - 1],
        PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    set_texts(png, info, texts, text_count);
    png_write_info(png, info);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (layout->bits == 16) png_set_swap(png);
#endif
    size_t stride = (size_t)layout->width * layout->channels * (layout->bits / 8);
    for (uint32_t row = 0; row < layout->height; row++) png_write_row(png, pixels + row * stride);
    png_write_end(png, NULL);
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
    const uint8_t *pixels, const pn_png_layout *layout, const animation *frames, const pn_png_text *texts,
    size_t text_count, uint8_t **bytes, size_t *count, char *message) {
    sink output = {{PIXNERD_PNG_OK, message}, NULL, 0, 1 << 16};
    output.bytes = malloc(output.capacity);
    png_structp png = output.bytes == NULL
        ? NULL
        : png_create_write_struct(PNG_LIBPNG_VER_STRING, &output, png_failed, ignore_warning);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    if (info == NULL) {
        png_destroy_write_struct(&png, NULL);
        free(output.bytes);
        return PIXNERD_PNG_NO_MEMORY;
    }
    png_set_write_fn(png, &output, write_bytes, flush_nothing);
    if (frames == NULL) {
        write_pixels(png, info, pixels, layout, texts, text_count);
    } else {
        write_animation(png, info, pixels, layout->width, layout->height, frames->later, frames->delays, frames->count);
    }
    png_destroy_write_struct(&png, &info);
    if (output.problem.status != PIXNERD_PNG_OK) {
        free(output.bytes);
        return output.problem.status;
    }
    *bytes = output.bytes;
    *count = output.count;
    return PIXNERD_PNG_OK;
}

pn_png_status pn_png_encode(
    const void *pixels, const pn_png_layout *layout, const pn_png_text *texts, size_t text_count, uint8_t **bytes,
    size_t *count, char *message) {
    return encode(pixels, layout, NULL, texts, text_count, bytes, count, message);
}

pn_png_status pn_png_encode_animation(
    const uint8_t *first, uint32_t width, uint32_t height, const pn_png_file *later, const uint16_t *delays,
    uint32_t count, uint8_t **bytes, size_t *written, char *message) {
    animation frames = {later, delays, count};
    pn_png_layout layout = {width, height, 3, 8};
    return encode(first, &layout, &frames, NULL, 0, bytes, written, message);
}
