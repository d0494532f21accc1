/// A type of a neighbour that shares no name with PixNerdKit; only its module's name is a usual one.
public struct Album: Sendable {
    public let title: String

    public init(title: String) { self.title = title }
}
