import PixNerdSupport
import PixNerdTensors

/// Tensors in a file, which can also be had as the file stores them.
public protocol StoredTensors: TensorSource, Sendable {
    /// What the elements of a tensor are; nil where there is none of that name.
    func elementType(of name: String) -> ElementType?
    /// The elements of a tensor in row-major order, in place where the file has them so.
    ///
    /// - Throws: `CheckpointError` naming the file and the tensor.
    func elements(of name: String) throws -> StoredElements
    /// Lets the system take back the memory of what was read so far.
    func releasePages()
}

extension StoredTensors {
    public func tensor(_ name: String) throws -> Tensor {
        let elements = try elements(of: name)
        guard elements.count > 0 else {
            throw CheckpointError("\(origin): the tensor \(name) is empty: its shape is \(elements.shape).")
        }
        return elements.tensor()
    }

    /// A tensor of integers in row-major order.
    ///
    /// - Throws: `CheckpointError` where it is missing or is not of an integer type.
    public func integers(_ name: String) throws -> [Int] {
        let elements = try elements(of: name)
        guard let integers = elements.integers() else {
            throw CheckpointError(
                "\(origin): the tensor \(name) is \(elements.type.rawValue), integers are expected.")
        }
        return integers
    }
}
