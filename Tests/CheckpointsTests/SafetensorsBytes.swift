import Foundation
import PixNerdCheckpoints
import PixNerdTestSupport

/// The bytes of a `.safetensors` file made by hand: the header may be anything.
func safetensorsBytes(_ header: String, _ data: [UInt8] = []) -> [UInt8] {
    bytes(of: [UInt64(header.utf8.count)]) + Array(header.utf8) + data
}

/// The bytes of numbers, lowest first.
func bytes<Number: FixedWidthInteger>(of numbers: [Number]) -> [UInt8] {
    numbers.flatMap { number in withUnsafeBytes(of: number.littleEndian) { Array($0) } }
}

/// Writes bytes as a file of a directory and gives its path.
func write(_ bytes: [UInt8], in directory: String, as name: String = "file.safetensors") throws -> String {
    let path = "\(directory)/\(name)"
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    return path
}

/// Opens bytes as a file that is there while `body` runs.
func withFile<R>(_ bytes: [UInt8], _ body: (SafetensorsFile) throws -> R) throws -> R {
    try withTemporaryDirectory { directory in
        try body(SafetensorsFile(path: write(bytes, in: directory)))
    }
}
