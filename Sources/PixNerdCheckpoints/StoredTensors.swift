import PixNerdSupport
import PixNerdTensors

/// Tensors in a file, which can also be read in the type that the file stores.
public protocol StoredTensors: TensorSource, Sendable {
    /// The element type of a tensor; nil if there is no tensor of that name.
    func elementType(of name: String) -> ElementType?
    /// The elements of a tensor in row-major order, in place if the file stores them that way.
    ///
    /// - Throws: `PixNerdError` naming the file and the tensor.
    func elements(of name: String) throws -> StoredElements
    /// Lets the system reclaim the memory of the data read so far.
    func releasePages()
}

extension StoredTensors {
    public func tensor(_ name: String) throws -> Tensor {
        let elements = try elements(of: name)
        guard elements.count > 0 else {
            throw PixNerdError(
                .malformed, "\(origin):", found: "the tensor \(name) is empty: its shape is \(elements.shape)")
        }
        return elements.tensor()
    }

    /// The elements of an integer tensor in row-major order.
    ///
    /// - Throws: `PixNerdError` if the tensor is missing or not of an integer type.
    public func integers(_ name: String) throws -> [Int] {
        let elements = try elements(of: name)
        guard let integers = elements.integers() else {
            throw PixNerdError(
                .mismatch, "\(origin):", found: "the tensor \(name) is \(elements.type.rawValue)", expected: "integers")
        }
        return integers
    }
}
