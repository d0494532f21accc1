/// The settings of a replayed training run, and where each comes from.
struct ReplaySettings {
    private let metadata: [String: String]
    private let origin: String
    private var lines: [String] = []

    /// - Parameters:
    ///   - metadata: settings by name, as the reference holds them.
    ///   - origin: path of the reference, for messages.
    init(metadata: [String: String], origin: String) { (self.metadata, self.origin) = (metadata, origin) }

    /// The settings as text.
    var text: String { lines.joined(separator: ", ") }

    /// A positive setting of the reference that no option replaces; nil if the reference has none.
    ///
    /// - Throws: `CommandError` if it is no positive number.
    mutating func recorded<Value: LosslessStringConvertible & BinaryFloatingPoint>(_ name: String) throws -> Value? {
        guard let text = metadata[name] else { return nil }
        guard let value = Value(text), value.isFinite, value > 0 else {
            throw CommandError("\(origin): \(name) is '\(text)', which is no positive number.")
        }
        lines.append("\(name) \(value)")
        return value
    }

    /// A setting: the given one, else the reference's, else the usual one.
    ///
    /// - Throws: `CommandError` if the reference's is not a value.
    mutating func value<Value: LosslessStringConvertible>(
        _ asked: Value?, _ name: String, _ option: String, usual: Value
    ) throws -> Value {
        if let asked {
            lines.append("\(name) \(asked)")
            return asked
        }
        guard let text = metadata[name] else {
            lines.append("\(name) \(usual) (default; the reference has none, set it with \(option))")
            return usual
        }
        guard let value = Value(text) else {
            throw CommandError("\(origin): \(name) is '\(text)', which is no number; set it with \(option).")
        }
        lines.append("\(name) \(value)")
        return value
    }
}
