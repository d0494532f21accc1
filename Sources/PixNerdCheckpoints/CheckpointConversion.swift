import Foundation
import PixNerdSupport
import PixNerdTensors

/// Copies the tensors of checkpoints of any format into one `.safetensors` file, one tensor at a time.
public struct CheckpointConversion {
    /// A summary of the tensors written.
    public struct Result: Sendable {
        public var tensors = 0
        /// Bytes of tensor elements written.
        public var bytes = 0
        /// Tensors with finite values that were too large for the new type and became infinite, and their number.
        public var overflows: [(name: String, count: Int)] = []
    }

    private struct Entry {
        let name: String
        let storedName: String
        let source: any StoredTensors
        let type: ElementType
        let shape: [Int]
        /// What is done to the tensor; nil for nothing.
        let change: ((Tensor) -> Tensor)?
    }

    /// The type that floating-point tensors are converted to; nil keeps the type of every tensor.
    public let type: ElementType?
    private var entries: [Entry] = []
    private var names: Set<String> = []

    /// - Parameter type: float32, float16 or bfloat16. Integer tensors keep their type.
    public init(type: ElementType?) {
        precondition(
            [nil, .float32, .float16, .bfloat16].contains(type), "CheckpointConversion: \(String(describing: type))")
        self.type = type
    }

    /// Adds the tensors of a source.
    ///
    /// - Parameters:
    ///   - prefix: the prefix of the names to add; it is removed from them.
    ///   - changes: names without the prefix of tensors that are changed, and what gives their new values.
    /// - Throws: `PixNerdError` if a name was added before.
    public mutating func add(
        _ source: any StoredTensors, prefix: String = "",
        changing changes: (names: Set<String>, change: (Tensor, _ name: String) -> Tensor)? = nil
    ) throws {
        for storedName in source.names where storedName.hasPrefix(prefix) {
            guard let own = source.elementType(of: storedName), let shape = source.shape(of: storedName) else {
                continue
            }
            let name = String(storedName.dropFirst(prefix.count))
            guard names.insert(name).inserted else {
                throw PixNerdError(
                    .mismatch, "\(source.origin)",
                    found: "contains \(name), which another file of the checkpoint also contains")
            }
            entries.append(
                Entry(
                    name: name, storedName: storedName, source: source, type: own.isFloatingPoint ? type ?? own : own,
                    shape: shape,
                    change: changes.flatMap { changes in
                        changes.names.contains(name) ? { changes.change($0, name) } : nil
                    }))
        }
    }

    public var isEmpty: Bool { entries.isEmpty }

    /// Writes the file atomically.
    ///
    /// - Parameter progress: receives the fraction done, from 0 to 1, after each tensor.
    public func write(
        to path: String, metadata: [String: String], progress: (Double) -> Void = { _ in }
    ) throws -> Result {
        var result = Result()
        let total = entries.reduce(0) { $0 + $1.shape.reduce($1.type.size, *) }
        try withoutActuallyEscaping(progress) { progress in
            let items = entries.map { entry in
                SafetensorsWriter.Item(name: entry.name, type: entry.type, shape: entry.shape) { write in
                    let overflows = try Self.copy(entry, write)
                    if overflows > 0 { result.overflows.append((entry.name, overflows)) }
                    result.tensors += 1
                    result.bytes += entry.shape.reduce(entry.type.size, *)
                    progress(total == 0 ? 1 : Double(result.bytes) / Double(total))
                }
            }
            try SafetensorsWriter.write(items, metadata: metadata, to: path)
        }
        return result
    }

    /// Number of elements that are read, converted and written at a time.
    private static let part = 1 << 22

    /// Passes the elements to `write` in their new type.
    ///
    /// - Returns: the number of finite values that became infinite.
    private static func copy(_ entry: Entry, _ write: (UnsafeRawBufferPointer) throws -> Void) throws -> Int {
        defer { entry.source.releasePages() }
        if let change = entry.change {
            var tensor = change(try entry.source.tensor(entry.storedName))
            return try tensor.withUnsafeMutableBuffer { values in
                guard entry.type != .float32 else {
                    try write(UnsafeRawBufferPointer(values))
                    return 0
                }
                return try narrow(values, to: entry.type, write)
            }
        }
        let elements = try entry.source.elements(of: entry.storedName)
        guard elements.type != entry.type else {
            try elements.withUnsafeBytes { bytes in
                let step = part * entry.type.size
                for start in stride(from: 0, to: bytes.count, by: step) {
                    try write(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + step, bytes.count)]))
                    entry.source.releasePages()
                }
            }
            return 0
        }
        var overflows = 0
        let floats = UnsafeMutableBufferPointer<Float>.allocate(capacity: min(part, max(elements.count, 1)))
        defer { floats.deallocate() }
        for start in stride(from: 0, to: elements.count, by: part) {
            let values = UnsafeMutableBufferPointer(rebasing: floats.prefix(min(part, elements.count - start)))
            elements.floats(from: start, into: values)
            overflows += try narrow(values, to: entry.type, write)
            entry.source.releasePages()
        }
        return overflows
    }
}
