import PixNerdSupport

/// The model and the prompts that a request of another program's client means.
struct ModelChoice: Sendable {
    let model: String
    let prompts: [String]

    /// - Parameters:
    ///   - asked: The model's name; nil or empty for the newest.
    ///   - prompt: A class by name or number, or several joined by commas; or a text, as the model takes.
    /// - Throws: `StudioFailure` if there is no such model.
    init(_ asked: String?, prompt: String, _ studio: StudioContext) async throws {
        let models = await studio.models.all()
        let entry: ModelEntry
        if let asked, !asked.isEmpty {
            let name = studio.runs.reference(asked).name
            guard let found = models.first(where: { $0.id == name }) else {
                throw StudioFailure(
                    .notFound,
                    "There is no model '\(asked.prefix(100))'; there are "
                        + "\(listed(models.map(\.id), nearestTo: name, most: 8)).",
                    parameter: "model", code: "model_not_found")
            }
            (entry, model) = (found, asked)
        } else {
            guard let newest = models.first(where: { $0.error == nil }) else {
                throw StudioFailure(
                    .notFound, "There is no model yet; train one first.", parameter: "model", code: "model_not_found")
            }
            (entry, model) = (newest, newest.id)
        }
        guard entry.takes == "classes", !entry.classes.contains(prompt) else {
            prompts = [prompt]
            return
        }
        let trimmed = prompt.split(separator: ",").map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }
        prompts = trimmed.isEmpty ? [prompt] : trimmed
    }

    /// Seeds that follow one another.
    ///
    /// - Parameter first: The first seed; nil or negative for a random one.
    static func seeds(from first: Int64?, count: Int) -> [UInt64] {
        let start = first.flatMap { UInt64(exactly: $0) } ?? UInt64(UInt32.random(in: .min ... .max))
        return (0..<count).map { start &+ UInt64($0) }
    }
}
