/// A source of named tensors: a checkpoint, or a part of one.
public protocol TensorSource {
    /// The source, for messages: a path, with the part of it if only a part is meant.
    var origin: String { get }
    /// All names, in the order of the source.
    var names: [String] { get }
    /// Shape of a tensor, without reading it; nil if the source has no such tensor.
    func shape(of name: String) -> [Int]?
    /// Reads a tensor as float32.
    ///
    /// - Throws: an error that names the source and the tensor.
    func tensor(_ name: String) throws -> Tensor
}
