import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdOptimization
import PixNerdTensors

/// A configuration value that is written as one YAML scalar or list.
package protocol ConfigurationValue: Sendable {
    /// The expected value as a noun phrase for messages, such as "a whole number".
    static var expectation: String { get }
    static var isList: Bool { get }
    init?(text: String)
    var text: String { get }
}

extension ConfigurationValue {
    package static var isList: Bool { false }
}

extension Int: ConfigurationValue {
    package static var expectation: String { "a whole number" }
    package init?(text: String) { self.init(text) }
    package var text: String { String(self) }
}

extension UInt64: ConfigurationValue {
    package static var expectation: String { "a non-negative whole number" }
    package init?(text: String) { self.init(text) }
    package var text: String { String(self) }
}

extension Float: ConfigurationValue {
    package static var expectation: String { "a number" }
    package init?(text: String) {
        guard let value = Float(text), value.isFinite else { return nil }
        self = value
    }
    package var text: String { description }
}

extension Float?: ConfigurationValue {
    package static var expectation: String { "auto or a number" }
    package init?(text: String) {
        guard text != "auto" else {
            self = .none
            return
        }
        guard let value = Float(text: text) else { return nil }
        self = .some(value)
    }
    package var text: String { self?.text ?? "auto" }
}

extension Double: ConfigurationValue {
    package static var expectation: String { "a number" }
    package init?(text: String) {
        guard let value = Double(text), value.isFinite else { return nil }
        self = value
    }
    package var text: String { description }
}

extension Bool: ConfigurationValue {
    package static var expectation: String { "true or false" }
    package init?(text: String) {
        // The spellings of YAML 1.2's core schema.
        switch text {
        case "true", "True", "TRUE": self = true
        case "false", "False", "FALSE": self = false
        default: return nil
        }
    }
    package var text: String { description }
}

extension String: ConfigurationValue {
    package static var expectation: String { "text" }
    package init?(text: String) { self = text }
    package var text: String { self }
}

/// A value that may appear in a list.
package protocol ConfigurationListItem: ConfigurationValue {}

extension Int: ConfigurationListItem {}
extension Float: ConfigurationListItem {}
extension Double: ConfigurationListItem {}
extension String: ConfigurationListItem {}

extension Array: ConfigurationValue where Element: ConfigurationListItem {
    package static var expectation: String { "\(Element.expectation) or a list of them" }
    package static var isList: Bool { true }
    package init?(text: String) {
        let parts = text.split(separator: ",").map { Element(text: $0.trimmingCharacters(in: .whitespaces)) }
        guard !parts.contains(where: { $0 == nil }) else { return nil }
        self = parts.compactMap { $0 }
    }
    package var text: String { map(\.text).joined(separator: ", ") }
}

/// A value that is one of a few words.
package protocol ConfigurationWord: ConfigurationValue, CaseIterable, RawRepresentable where RawValue == String {}

extension ConfigurationWord {
    package static var expectation: String { allCases.map(\.rawValue).joined(separator: " or ") }
    package init?(text: String) { self.init(rawValue: text) }
    package var text: String { rawValue }
}

extension TimeSampling: ConfigurationWord {}
extension Augmentation.Kind: ConfigurationWord, ConfigurationListItem {}
extension TimeWeight: ConfigurationWord {}
extension Prediction.Target: ConfigurationWord {}
extension DispersiveForm: ConfigurationWord {}
extension Configuration.FewStepsSection.Method: ConfigurationWord {}
extension Configuration.StartSection.Weights: ConfigurationWord {}
extension Configuration.StartSection.Classes: ConfigurationWord {}
extension Configuration.Trained: ConfigurationWord {}
extension Configuration.ControlSection.Edges: ConfigurationWord {}
extension Configuration.ModelSource: ConfigurationWord {}
extension DenoiserOptions.FieldPositions: ConfigurationWord {}
extension CropMode: ConfigurationWord {}
extension EXIFHandling: ConfigurationWord {}
extension LearningRateSchedule: ConfigurationWord {}
extension OptimizerKind: ConfigurationWord {}
extension Configuration.SaveFailure: ConfigurationWord {}
extension DenoiserOptions.Head: ConfigurationWord {}
extension DenoiserOptions.Conditioning: ConfigurationWord {}
extension DenoiserOptions.Modulation: ConfigurationWord {}
extension Configuration.Kind: ConfigurationWord {}
extension Configuration.SpaceKind: ConfigurationWord {}
extension AutoencoderLoss.Reconstruction: ConfigurationWord {}
/// Without int8, which is for sampling.
extension Precision: ConfigurationWord {
    package static var expectation: String { "\(fp32.rawValue) or \(bf16.rawValue)" }
    package init?(text: String) {
        guard let precision = Precision(rawValue: text), precision != .int8 else { return nil }
        self = precision
    }
}
extension EmptyPrompt: ConfigurationWord {}

/// A key of a configuration: its name and help, and how to read and write its value.
public struct ConfigurationKey<Root: Sendable>: Sendable {
    /// Name with its section, such as `training.batch_size`.
    public let name: String
    /// Description in one line.
    public let help: String
    /// Allowed values as a noun phrase.
    package let expectation: String
    package let isText: Bool
    package let isList: Bool
    /// Whether the value is a path, in which `~` stands for the home directory.
    package private(set) var isPath = false
    /// Whether a change of this value affects what a resumed run learns.
    package private(set) var changesTraining: @Sendable (Root) -> Bool = { _ in true }
    package let read: @Sendable (Root) -> String
    /// Sets the value from text; returns false if the text is not an allowed value.
    package let write: @Sendable (inout Root, String) -> Bool

    /// A key for one property.
    ///
    /// - Parameter limits: the condition of `isAllowed` in words, such as "of at least 1".
    package init<Value: ConfigurationValue>(
        _ name: String, _ path: WritableKeyPath<Root, Value> & Sendable, _ help: String,
        limits: String = "", where isAllowed: @escaping @Sendable (Value) -> Bool = { _ in true }
    ) {
        self.name = name
        self.help = help
        expectation = limits.isEmpty ? Value.expectation : "\(Value.expectation) \(limits)"
        isText = Value.self == String.self
        isList = Value.isList
        read = { $0[keyPath: path].text }
        write = { root, text in
            guard let value = Value(text: text), isAllowed(value) else { return false }
            root[keyPath: path] = value
            return true
        }
    }

    /// Marks the key as one whose change does not affect what a resumed run learns, unless `matters` returns true.
    package func harmless(unless matters: @escaping @Sendable (Root) -> Bool = { _ in false }) -> ConfigurationKey {
        var key = self
        key.changesTraining = matters
        return key
    }

    /// A key for a whole number in a closed range.
    package static func count(
        _ name: String, _ path: WritableKeyPath<Root, Int> & Sendable, _ range: ClosedRange<Int>, _ help: String
    ) -> ConfigurationKey {
        ConfigurationKey(name, path, help, limits: "from \(range.lowerBound) to \(range.upperBound)") {
            range.contains($0)
        }
    }

    /// A key for the path of a file or directory.
    package static func path(
        _ name: String, _ path: WritableKeyPath<Root, String> & Sendable, _ help: String, limits: String = "",
        where isAllowed: @escaping @Sendable (String) -> Bool = { _ in true }
    ) -> ConfigurationKey {
        var key = ConfigurationKey(name, path, help, limits: limits, where: isAllowed)
        key.isPath = true
        return key
    }

    /// A key for a number in a closed range, or `auto` for one that is decided later.
    package static func automatic(
        _ name: String, _ path: WritableKeyPath<Root, Float?> & Sendable, in range: ClosedRange<Float>, _ help: String
    ) -> ConfigurationKey {
        ConfigurationKey(name, path, help, limits: limits(range)) { $0.map(range.contains) ?? true }
    }

    /// A key for a number in a closed range.
    package static func number(
        _ name: String, _ path: WritableKeyPath<Root, Float> & Sendable, in range: ClosedRange<Float>,
        _ help: String
    ) -> ConfigurationKey {
        ConfigurationKey(name, path, help, limits: limits(range)) { range.contains($0) }
    }

    private static func limits(_ range: ClosedRange<Float>) -> String {
        range.upperBound == .greatestFiniteMagnitude
            ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
    }
}
