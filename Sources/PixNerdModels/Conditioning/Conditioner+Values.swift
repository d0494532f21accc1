import PixNerdDiffusion
import PixNerdSupport

/// The values that a model is told.
extension Conditioner {
    /// The numbers that a text such as `age=30,zoom=1.5` asks for, in the order of the model's values; nil for those that
    /// it leaves open. A name with a comma is understood in quotes, as in `"'a,b=3'"`.
    ///
    /// - Throws: `PixNerdError` if the text names no value of the model, one of them twice, or no number.
    public func numbers(from text: String) throws -> [Double?] {
        guard !values.isEmpty else {
            throw PixNerdError(
                .mismatch, "\(Setting.values)", found: "asks for '\(text)', but the model was trained without values",
                advice: "leave it out")
        }
        let known: ErrorText = "one of \(values.map(\.name).joined(separator: ", "))"
        func invalid(_ found: ErrorText, expected: ErrorText? = nil) -> PixNerdError {
            PixNerdError(.invalidValue, "\(Setting.values):", found: found, expected: expected)
        }
        let example: ErrorText = "a name and a number, such as \(values[0].name)=\(TrainedValue.text(values[0].mean))"
        let entries = commaList(text)
        guard !entries.isEmpty else { throw invalid("'\(text)' names no value", expected: example) }
        var numbers = [Double?](repeating: nil, count: values.count)
        for entry in entries {
            guard let sign = entry.lastIndex(of: "=") else {
                throw invalid("'\(entry)' has no number", expected: example)
            }
            let (name, number) = (entry[..<sign], entry[entry.index(after: sign)...])
            // By bytes: Swift takes the two spellings of an accented letter as equal.
            guard let place = values.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) else {
                throw invalid("there is no value '\(name)'", expected: known)
            }
            guard numbers[place] == nil else { throw invalid("\(name) stands twice in '\(text)'") }
            guard let value = Double(number), value.isFinite else {
                throw invalid("\(name) is '\(number)'", expected: "a number")
            }
            numbers[place] = value
        }
        return numbers
    }

    /// The values that a prompt asks for, such as "age=30".
    func valueTexts(_ prompt: Prompt) -> [String] {
        zip(values, prompt.values).compactMap { value, number in
            number.map { "\(value.name)=\(TrainedValue.text($0))" }
        }
    }

    /// Sentences about numbers that are beyond those of training.
    func valueRemarks(_ prompts: [Prompt]) -> [String] {
        values.enumerated().compactMap { place, value in
            let beyond = prompts.compactMap { $0.values.isEmpty ? nil : $0.values[place] }.first {
                !(value.least...value.most).contains($0)
            }
            return beyond.map {
                "\(value.name) \(TrainedValue.text($0)) is beyond the numbers of training, which are "
                    + "\(TrainedValue.text(value.least)) to \(TrainedValue.text(value.most))"
            }
        }
    }
}
