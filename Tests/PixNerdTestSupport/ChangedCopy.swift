import PixNerdCheckpoints
import PixNerdTensors

/// Writes a copy of a `.safetensors` file with some tensors changed or removed.
///
/// - Parameters:
///   - dropped: names of the tensors to remove.
///   - metadata: metadata to change or add.
///   - change: called with the name and values of each float tensor.
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
