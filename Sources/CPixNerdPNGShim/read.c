#include "common.h"

// The bytes that are still to be read, and the error.
typedef struct {
    problem problem;
    const uint8_t *bytes;
    size_t left;
} source;

static void read_bytes(png_structp png, png_bytep destination, png_size_t count) {
    source *input = png_get_io_ptr(png);
    if (count > input->left) {
        input->problem.status = PIXNERD_PNG_CUT_SHORT;
        png_error(png, "the data end early");
    }
    memcpy(destination, input->bytes, count);
    input->bytes += count;
    input->left -= count;
}

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

// Asks libpng for the stored values: palettes as colours, alpha where there is any, and 16 bits in this machine's
// order.
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

// The layout after ask_for_stored, without the memory for rows that libpng's own update of it takes.
static void read_layout(png_structp png, png_infop info, pn_png_layout *layout) {
    if (setjmp(png_jmpbuf(png)) != 0) return;
    png_read_info(png, info);
    png_byte color_type = png_get_color_type(png, info);
    int has_alpha = (color_type & PNG_COLOR_MASK_ALPHA) != 0 || png_get_valid(png, info, PNG_INFO_tRNS) != 0;
    layout->width = png_get_image_width(png, info);
    layout->height = png_get_image_height(png, info);
    layout->channels = ((color_type & PNG_COLOR_MASK_COLOR) != 0 ? 3 : 1) + (has_alpha ? 1 : 0);
    layout->bits = png_get_bit_depth(png, info) == 16 ? 16 : 8;
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
        || png_get_channels(png, info) != layout->channels || png_get_rowbytes(png, info) != stride) {
        png_error(png, "the layout of the rows is another than was told");
    }
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t row = 0; row < height; row++) png_read_row(png, pixels + row * stride, NULL);
    }
    // Reads up to the end chunk, so that a truncated file is noticed.
    png_read_end(png, NULL);
}

// Reads only the layout if `pixels` is NULL, else the pixels of an image of exactly the given layout.
static pn_png_status read_image(
    const uint8_t *bytes, size_t count, uint8_t *pixels, pn_png_layout *layout, int is_rgb, char *message) {
    source input = {{PIXNERD_PNG_OK, message}, bytes, count};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &input, png_failed, ignore_warning);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    if (info == NULL) {
        png_destroy_read_struct(&png, NULL, NULL);
        return PIXNERD_PNG_NO_MEMORY;
    }
    png_set_read_fn(png, &input, read_bytes);
    if (pixels != NULL) {
        read_pixels(png, info, pixels, layout, is_rgb);
    } else {
        read_layout(png, info, layout);
    }
    png_destroy_read_struct(&png, &info, NULL);
    return input.problem.status;
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

const char *pn_png_version(void) { return png_get_libpng_ver(NULL); }
