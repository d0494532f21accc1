import PixNerdSupport

extension Fingerprint {
    /// Shape and elements of a tensor.
    public mutating func add(_ tensor: Tensor) {
        add("\(tensor.shape)")
        tensor.withUnsafeBuffer { add(UnsafeRawBufferPointer($0)) }
    }
}
