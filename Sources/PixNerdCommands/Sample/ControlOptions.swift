import ArgumentParser
import Foundation
import PixNerdImages
import PixNerdSampling
import PixNerdSupport

/// The options of a ControlNet, and of the pictures that a model is shown.
struct ControlOptions: ParsableArguments {
    @Option(
        help: "A ControlNet for the model: a run with a control section, or a file (default: the checkpoint's own).")
    var controlNet: String?

    @Option(
        help: """
            A picture of the size of the images for a ControlNet, such as white edges on black, or for a model that was \
            trained with data.condition; or a folder of them, which images take in turn, in the order of names.
            """)
    var control: String?

    @Option(
        help: """
            A photograph, or a folder of them, that such pictures are made of: cropped to the size of the images, then \
            replaced by edges or whatever the model was trained on, which are written beside the result.
            """)
    var controlFrom: String?

    @OptionGroup var edgeOptions: EdgeOptions

    @Option(help: "Factor on what the ControlNet adds; 0 is the model without it.")
    var controlStrength: Float = 1

    @Option(help: "Times LO,HI between which the ControlNet acts; 0 is noise, 1 is data (default: 0,1).")
    var controlInterval: String?

    func validate() throws {
        guard controlStrength.isFinite, controlStrength >= 0 else {
            throw ValidationError("--control-strength is \(controlStrength); it must be a number of at least 0.")
        }
        _ = try times
        let alone = [
            ("--edges", edgeOptions.edges != nil), ("--hed", edgeOptions.hed != nil),
            ("--control-strength", controlStrength != 1), ("--control-interval", controlInterval != nil),
        ].first { $0.1 }
        if let alone, control == nil, controlFrom == nil {
            throw ValidationError("\(alone.0) is given, but no picture; give one with --control or --control-from.")
        }
    }

    private var times: ClosedRange<Float> {
        get throws {
            guard let text = controlInterval else { return 0...1 }
            let bounds = text.split(separator: ",").map { Float($0.trimmingCharacters(in: .whitespaces)) ?? .nan }
            guard bounds.count == 2, bounds[0] >= 0, bounds[0] <= bounds[1], bounds[1] <= 1 else {
                throw ValidationError(
                    "--control-interval is '\(text)'; expected two ascending times from 0 to 1, such as 0,0.6.")
            }
            return bounds[0]...bounds[1]
        }
    }

    func apply(to options: inout SamplingOptions) throws {
        options.control.network = controlNet
        (options.control.pictures, options.control.photographs) = (control, controlFrom)
        (options.control.edges, options.control.edgeNetwork) = (edgeOptions.edges, edgeOptions.hed)
        (options.control.strength, options.control.times) = (controlStrength, try times)
    }

    /// The files that are read.
    var inputs: [String] { [controlNet, control, controlFrom, edgeOptions.hed].compactMap { $0 } }

    /// The paths of control pictures beside a result: NAME-control.png for one, a folder NAME-control for several.
    ///
    /// - Parameter out: the path of the result.
    private static func paths(_ pictures: [ControlPicture], beside out: String) throws -> [String] {
        let form = try SampleForm(path: out)
        let stem =
            form == .folder
            ? String(out.reversed().drop { $0 == "/" }.reversed()) : (out as NSString).deletingPathExtension
        guard pictures.count > 1 else { return pictures.map { _ in "\(stem)-control.png" } }
        return pictures.map { "\(stem)-control/\($0.name).png" }
    }

    /// Writes the pictures that were made of photographs beside the result.
    ///
    /// A file that is there already is kept if it holds the same picture, as in a job that is resumed.
    ///
    /// - Throws: `PixNerdError` if another file is there and may not be overwritten, or one cannot be written.
    static func write(_ pictures: [ControlPicture], beside out: String, overwrites: Bool) throws {
        for (picture, path) in zip(pictures, try paths(pictures, beside: out)) {
            let bytes = try ImageFile.encodePNG(picture.image)
            if let known = FileManager.default.contents(atPath: path) {
                if known.elementsEqual(bytes) { continue }
                guard overwrites else {
                    throw PixNerdError(
                        .alreadyExists, "\(path)",
                        found: "is another picture than the one for the model that would be written there",
                        advice: "choose another \(Setting.output), or overwrite it with \(Setting.overwrite)")
                }
            }
            let folder = (path as NSString).deletingLastPathComponent
            if !folder.isEmpty { try makeFolder(folder) }
            try AtomicFile.write(bytes, to: path, isSynced: false)
        }
    }
}
