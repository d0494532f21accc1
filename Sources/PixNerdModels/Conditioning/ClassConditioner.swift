import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdSupport

/// Conditions a denoiser on class labels, and on values that it is told besides.
public struct ClassConditioner: Conditioner {
    /// Number of classes.
    public let classes: Int
    /// Class names by label; may be fewer than `classes`.
    public let names: [String]
    /// Whether an image may have several classes, or none at all.
    public let takesSets: Bool
    public let values: [TrainedValue]
    /// The file that errors name.
    let origin: String

    /// - Parameters:
    ///   - names: Class names by label; nil to name classes by their numbers.
    ///   - takesSets: Whether an image may have several classes, or none at all.
    ///   - values: The numbers that the model is told.
    ///   - origin: The file that errors name.
    /// - Throws: `PixNerdError` if there are more names than classes.
    public init(
        classes: Int, names: [String]? = nil, takesSets: Bool = false, values: [TrainedValue] = [],
        origin: String = "the model"
    ) throws {
        let names = names ?? (0..<classes).map(String.init)
        guard names.count <= classes else {
            throw PixNerdError(
                .mismatch, "\(origin)", found: "names \(names.count) classes, more than the \(classes) of its model")
        }
        (self.classes, self.names, self.takesSets) = (classes, names, takesSets)
        (self.values, self.origin) = (values, origin)
    }

    /// The conditioner of a model.
    ///
    /// - Parameter toldValues: Number of values that the model is told.
    /// - Throws: `PixNerdError` if the sources do not fit.
    init(classes: Int, toldValues: Int, _ sources: ConditionerSources) throws {
        guard sources.values.count == toldValues else {
            throw PixNerdError(
                .mismatch, "\(sources.origin)",
                found: "has a model that is told \(counted(toldValues, "value")), and says how "
                    + "\(sources.values.count) of them were spread in training",
                advice: "use the run's own files, whose metadata has it")
        }
        try self.init(
            classes: classes, names: sources.classNames, takesSets: sources.takesSets, values: sources.values,
            origin: sources.origin)
    }

    public var promptKind: PromptKind { .classes }
    public var allPrompts: [Prompt] { (0..<classes).map(Prompt.label) }

    public func condition(_ prompts: [Prompt], isDropped: (_ position: Int) -> Bool) throws -> any Condition {
        for prompt in prompts { try check(prompt) }
        let dropped = prompts.indices.map(isDropped)
        return ClassCondition(
            labels: zip(prompts, dropped).map { $1 ? nil : $0.labels },
            values: zip(prompts, dropped).map { prompt, isDropped in
                isDropped
                    ? [] : zip(values, prompt.values).map { value, number in number.map(value.standardised) }
            })
    }

    /// Checks that the model takes a prompt.
    private func check(_ prompt: Prompt) throws {
        guard let labels = prompt.labels, labels.allSatisfy((0..<classes).contains) else {
            throw PixNerdError(
                .invalidValue, "\(Setting.classes):", found: "\(name(of: prompt)) is out of range",
                expected: "a class from 0 to \(classes - 1)")
        }
        guard takesSets || labels.count == 1 else { throw singleClassesOnly(name(of: prompt)) }
        guard prompt.values.isEmpty || prompt.values.count == values.count else {
            throw PixNerdError(
                .mismatch, "\(origin)", found: "is told \(counted(values.count, "value")), not \(prompt.values.count)")
        }
        for (value, number) in zip(values, prompt.values) {
            guard let number, !value.standardised(number).isFinite else { continue }
            throw PixNerdError(
                .invalidValue, "\(Setting.values):", found: "\(value.name) is \(TrainedValue.text(number))",
                expected: "a number near those of training, \(TrainedValue.text(value.least)) to "
                    + "\(TrainedValue.text(value.most))")
        }
    }

    /// The error of a model that was trained on single classes.
    func singleClassesOnly(_ text: String) -> PixNerdError {
        PixNerdError(
            .mismatch, "\(Setting.classes):",
            found: "'\(text)' is not one class, and \(origin) was trained on single "
                + "classes", advice: "name one class for each image")
    }

    public func condition(
        readFrom reference: SafetensorsFile, prefix: String, count: Int
    ) throws -> any Condition {
        let labels = try reference.integers("\(prefix)y")
        guard labels.count == count, labels.allSatisfy({ (0...classes).contains($0) }) else {
            throw PixNerdError(
                .mismatch, "\(reference.path):", found: "\(prefix)y holds \(labels.count) labels",
                expected: "\(count) labels from 0 to \(classes), one per image")
        }
        return ClassCondition(labels)
    }
}
