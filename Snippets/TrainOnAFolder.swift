// Trains a small model on a folder of images, or resumes its run.

import PixNerdKit

var configuration = Configuration()
configuration.name = "mine"
// A folder of PNG and JPEG files for each class.
configuration.data.root = "datasets/mine"
configuration.data.imageSize = 32
configuration.model.hiddenSize = 192
configuration.training.steps = 5000
configuration.training.batchSize = 32

let isSaved = !RunDirectory(existing: configuration.runPath).savedSteps.isEmpty
let trainer = try Trainer(configuration, resume: isSaved, logger: .init(label: "training"))
trainer.onProgress = { progress in
    print("step \(progress.done) of \(progress.total): \(progress.details)")
}
try trainer.train()
