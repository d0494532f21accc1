import PixNerdSupport

extension Fingerprint {
    /// Adds the shape and the elements of a tensor.
    public mutating func add(_ tensor: Tensor) {
        add("\(tensor.shape)")
        tensor.withUnsafeBuffer { add(UnsafeRawBufferPointer($0)) }
    }
}
