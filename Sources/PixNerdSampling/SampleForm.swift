import PixNerdImages
import PixNerdSupport

/// The format of sampled images, chosen by the extension of the output path.
public enum SampleForm: Sendable, Equatable {
    /// `.png`: one sheet, with a row for each class where that makes a sensible shape.
    case grid
    /// `.npz`: `arr_0`, as the ADM evaluation reads it.
    case npz
    /// `.safetensors`: `samples` as floats.
    case floats
    /// `.gif` or `.apng`: the images of a way one after another, those of several ways one below another.
    case animation(Animation.Format)
    /// A path without a file extension, or one that ends with a slash: a folder with a PNG for each image.
    case folder

    /// The format for a path.
    ///
    /// - Throws: `PixNerdError` if the path has the extension of a format that is not written.
    public init(path: String) throws {
        let ending = fileExtension(path)
        let isHidden = path.hasSuffix("/.\(ending)") || path == ".\(ending)"
        switch ending {
        case "png" where !isHidden: self = .grid
        case "npz" where !isHidden: self = .npz
        case "safetensors" where !isHidden: self = .floats
        case "gif" where !isHidden: self = .animation(.gif)
        case "apng" where !isHidden: self = .animation(.apng)
        default:
            guard !path.isEmpty, isFolder(path) == true || !Self.isFileExtension(ending, isHidden: isHidden) else {
                throw PixNerdError(
                    .invalidValue, "\(Setting.output)", found: "is '\(path)'",
                    expected: "a name that ends in .png, .npz, .safetensors, .gif or .apng, or a folder",
                    advice: "end the name of a folder with /")
            }
            self = .folder
        }
    }

    /// Extensions of files that do not look like one: they have digits, or are long.
    private static let oddExtensions: Set<String> = [
        "jp2", "j2k", "mp3", "mp4", "m4v", "3gp", "h5", "hdf5", "bz2", "7z", "safetensor", "parquet", "pickle",
        "tfrecord", "tfrecords", "arrow", "feather", "numpy",
    ]
    private static let written: Set<String> = ["png", "npz", "safetensors", "gif", "apng"]

    /// Whether a name with this extension means a file.
    ///
    /// Two to five letters do, such as `jpg`, `webp`, or `pgn` for `png`; versions and numbers, as in `run.v2`, do not,
    /// and names of hidden folders, such as `.cache`, only if the extension is well known.
    private static func isFileExtension(_ ending: String, isHidden: Bool) -> Bool {
        if oddExtensions.contains(ending) || written.contains(ending) { return true }
        return !isHidden && (2...5).contains(ending.count) && ending.allSatisfy { $0.isASCII && $0.isLetter }
    }
}
