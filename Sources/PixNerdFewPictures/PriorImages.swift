import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport

extension DreamBooth {
    /// Copies the few pictures, and has the model make images of its classes, or of the prompts that are given for them.
    ///
    /// The images are made without guidance, as the model itself distributes them, so that training on them leaves it where
    /// it is. Those that are there already are kept.
    ///
    /// - Parameters:
    ///   - isCancelled: Called after each step of sampling; returns whether to stop.
    ///   - progress: Receives the progress of sampling.
    /// - Throws: `CancellationError` if it was stopped; `PixNerdError` if a file cannot be read or written.
    public func prepare(isCancelled: () -> Bool, progress: (WorkProgress) -> Void) throws {
        try copyPictures()
        guard options.prior > 0 else { return }
        let wanted = (0..<options.prior).map { place in
            PictureRequest(prompt(place % classes.count), seed: Self.firstSeed + UInt64(place))
        }
        let missing = wanted.filter { !FileManager.default.fileExists(atPath: path(of: $0)) }
        guard !missing.isEmpty else { return }
        var sampling = sampling
        sampling.guidance = [1]
        let job = try CheckpointSampling(path: modelPath, sampling).job(missing)
        try job.run(
            isCancelled: isCancelled, afterStep: { progress($0.progress("prior images")) },
            receive: { pixels, first in
                for (place, image) in shownPictures(pixels, job.space.format).enumerated() {
                    let path = path(of: missing[first + place])
                    try makeFolder(NSString(string: path).deletingLastPathComponent)
                    try ImageFile.writePNG(image, to: path)
                }
            })
    }

    /// Seed of the first image; those that drift is measured on begin at 0.
    private static let firstSeed: UInt64 = 1_000_000

    /// The file of an image that the model makes.
    private func path(of request: PictureRequest) -> String {
        "\(folder)/\(classes[label(of: request)])/prior-\(request.seed).png"
    }

    private func label(of request: PictureRequest) -> Int { Int(request.seed - Self.firstSeed) % classes.count }

    /// Copies the few pictures into the folder of their class.
    private func copyPictures() throws {
        let found = try ImageCollection.pictures(below: options.pictures)
        let target = "\(folder)/\(options.className)"
        try makeFolder(target)
        for (place, sample) in found.samples.enumerated() {
            guard sample.entry == nil else {
                throw PixNerdError(
                    .unsupported, "\(Setting.pictures) \(options.pictures)", found: "holds an archive",
                    expected: "a folder of images")
            }
            let name = "\(place.zeroPadded(to: 4))-\(NSString(string: sample.path).lastPathComponent)"
            guard !FileManager.default.fileExists(atPath: "\(target)/\(name)") else { continue }
            try FileManager.default.copyItem(atPath: sample.path, toPath: "\(target)/\(name)")
        }
    }
}

extension SamplingMoment {
    /// The progress of a job, with what is made.
    func progress(_ what: String) -> WorkProgress {
        WorkProgress(done: done, total: total, details: "\(what)  step \(step)")
    }
}
