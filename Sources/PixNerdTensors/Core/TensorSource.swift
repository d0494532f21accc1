/// Tensors by name: a checkpoint, or a part of one.
public protocol TensorSource {
    /// Where the tensors come from, for messages: a path, with the part of it where only a part is meant.
    var origin: String { get }
    /// Every name, in the order of the source.
    var names: [String] { get }
    /// The shape of a tensor without reading it; nil where there is none of that name.
    func shape(of name: String) -> [Int]?
    /// A tensor as float32.
    ///
    /// - Throws: an error that names the source and the tensor.
    func tensor(_ name: String) throws -> Tensor
}
