// Samples one image of each of the first four classes and puts them on a sheet.

import PixNerdKit

// A run, a saved step, a .safetensors file or a published .ckpt; `make quickstart` trains this run.
let checkpoint = try PixNerdCheckpoint(path: "checkpoints/shapes")
let model = try checkpoint.load(.ema)

var images: [RGBImage] = []
try samplePictures(
    model, in: PixelSpace(), (0..<4).map { PictureRequest(label: $0, seed: 1) },
    size: PictureSize(height: 32, width: 32, multiple: model.sizeMultiple),
    settings: SamplingSettings(steps: 20, guidance: Guidance(scale: 2.5)), batchSize: 4
) { pixels, _ in
    // [B, 3, H, W] in -1 ... 1, rounded to 8-bit RGB.
    images += roundedPictures(pixels)
}
try ImageFile.writePNG(ImageGrid.make(rows: [(label: nil, images: images)]), to: "sheet.png")
