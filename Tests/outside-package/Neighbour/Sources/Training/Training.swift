/// How long a neighbour trains.
public struct Lesson: Sendable {
    public let steps: Int

    public init(steps: Int) { self.steps = steps }
}
