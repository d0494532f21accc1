import CPixNerdGIF
import CPixNerdPNGShim
import CPixNerdTIFFShim
import CPixNerdWebP

extension ImageFile {
    /// The libraries that read and write images, with their versions where they tell them: "libpng 1.6.39 (PNG)". The
    /// program is linked with all of them.
    public static var libraries: [String] {
        let tiff = String(cString: pn_tiff_version()).prefix { !$0.isNewline }.split(separator: " ").last ?? ""
        let webp = WebPGetDecoderVersion()
        return [
            "libpng \(String(cString: pn_png_version())) (PNG)", "libjpeg-turbo (JPEG)",
            "libtiff \(tiff) (TIFF)", "libwebp \(webp >> 16).\(webp >> 8 & 255).\(webp & 255) (WebP)",
            "giflib \(GIFLIB_MAJOR).\(GIFLIB_MINOR).\(GIFLIB_RELEASE) (GIF)", "stb_image (BMP)",
        ]
    }
}
