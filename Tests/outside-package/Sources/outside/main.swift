import Images
import Models
import PixNerdKit
import Training

guard CommandLine.arguments.count == 2 else { fatalError("name a folder to work in") }
let folder = CommandLine.arguments[1]
let album = Album(title: "shapes")
let run = try PixNerdUse.train(in: folder, steps: Lesson(steps: 20).steps, width: ModelSize(width: 64).width)
let path = folder + "/\(album.title).png"
try PixNerdUse.sample(run, size: 32, to: path)
print("sampled \(PixNerdUse.describe(path))")
