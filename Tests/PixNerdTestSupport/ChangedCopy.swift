import PixNerdCheckpoints
import PixNerdTensors

/// Writes a copy of a `.safetensors` file in which some tensors are others or are missing.
///
/// - Parameters:
///   - dropped: names that the copy lacks.
///   - metadata: strings that are others or new.
///   - change: gets each tensor of floats with its name.
public func writeCopy(
    of file: SafetensorsFile, to path: String, without dropped: Set<String> = [], metadata: [String: String] = [:],
    _ change: (_ name: String, _ values: inout [Float]) -> Void = { _, _ in }
) throws {
    var tensors: [(name: String, tensor: Tensor)] = []
    var integers: [(name: String, shape: [Int], values: [Int])] = []
    for name in file.names where !dropped.contains(name) {
        if let values = try? file.integers(name) {
            integers.append((name, file.shape(of: name) ?? [], values))
        } else {
            let tensor = try file.tensor(name)
            var values = tensor.values
            change(name, &values)
            tensors.append((name, Tensor(values, shape: tensor.shape)))
        }
    }
    try SafetensorsWriter.write(tensors, integers: integers, metadata: file.metadata.merging(metadata) { $1 }, to: path)
}
