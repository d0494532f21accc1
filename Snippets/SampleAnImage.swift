// Samples one image of each of the first four classes and puts them on a sheet.

import PixNerdKit

// What is not set is taken from the run: steps, guidance, the size of training.
var options = SamplingOptions()
options.size = ImageSize(height: 32, width: 48)

// A run, a saved step, a .safetensors file or a published .ckpt; `make quickstart` trains this run.
let sampling = try CheckpointSampling(path: "checkpoints/shapes", options)
let job = try sampling.job((0..<4).map { PictureRequest(label: $0, seed: 1) })
let images = try job.images()
try ImageFile.writePNG(ImageGrid.make(rows: [(label: nil, images: images)]), to: "sheet.png")
