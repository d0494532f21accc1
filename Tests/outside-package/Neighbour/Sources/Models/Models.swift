/// The size of a neighbour's model.
public struct ModelSize: Sendable {
    public let width: Int

    public init(width: Int) { self.width = width }
}
