import ArgumentParser
import PixNerdDiffusion
import PixNerdSampling

extension LabelChoice: ExpressibleByArgument {}

/// Which pictures are made: classes and seeds.
struct PictureOptions: ParsableArguments {
    @Option(help: "Classes by name or number, with commas between; the first ten where not given, with --count all.")
    var classes: String?

    @Option(
        help: """
            A picture of each class for each of these seeds, with commas between; 0,1,2,3 where nothing else is asked for.
            """)
    var seeds: String?

    @Option(help: "As many pictures of each class, with seeds that count on from --first-seed.")
    var perClass: Int?

    @Option(help: "As many pictures in all, with seeds that count on from --first-seed.")
    var count: Int?

    @Option(help: "Classes of --count: balanced takes them in turn, random draws them by the seeds.")
    var labels = LabelChoice.balanced

    @Option(help: "Seed of the first picture of --per-class and --count.")
    var firstSeed: UInt64 = 0

    func validate() throws {
        let asked = [("--seeds", seeds != nil), ("--per-class", perClass != nil), ("--count", count != nil)]
            .filter(\.1).map(\.0)
        guard asked.count <= 1 else {
            throw ValidationError("\(asked.joined(separator: " and ")) exclude each other; give one of them.")
        }
        for (name, value) in [("--per-class", perClass), ("--count", count)] {
            if let value, !(1...10_000_000).contains(value) {
                throw ValidationError("\(name) is \(value); it must be from 1 to 10000000.")
            }
        }
    }

    /// - Parameters:
    ///   - names: of the classes; may be fewer than `total`.
    ///   - total: classes of the model.
    func requests(_ names: [String], total: Int) throws -> [PictureRequest] {
        let labels = try chosenClasses(names, total: total)
        guard !labels.isEmpty else { throw CommandError("No class is asked for; name some by --classes.") }
        if let count { return RequestList.count(count, classes: labels, labels: self.labels, firstSeed: firstSeed) }
        if let perClass { return RequestList.perClass(perClass, classes: labels, firstSeed: firstSeed) }
        let requests = RequestList.each(classes: labels, seeds: try chosenSeeds())
        guard Set(requests.map { "\($0.label) \($0.seed)" }).count == requests.count else {
            throw CommandError("--classes or --seeds names the same picture twice; name each class and seed once.")
        }
        return requests
    }

    private func chosenClasses(_ names: [String], total: Int) throws -> [Int] {
        guard let classes else { return Array(0..<(count == nil ? min(10, total) : total)) }
        return try classes.split(separator: ",").map { entry in
            let entry = entry.trimmingCharacters(in: .whitespaces)
            if let label = names.firstIndex(of: entry) { return label }
            guard let number = Int(entry) else {
                throw CommandError(
                    "--classes: there is no class '\(entry)'; "
                        + "the classes are \(Self.list(names)), or 0 to \(total - 1).")
            }
            guard (0..<total).contains(number) else {
                throw CommandError("--classes: \(number) is out of range; the model has classes 0 to \(total - 1).")
            }
            return number
        }
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(12).joined(separator: ", ") + (names.count > 12 ? " and \(names.count - 12) more" : "")
    }

    private func chosenSeeds() throws -> [UInt64] {
        let text = seeds ?? "0,1,2,3"
        let list = text.split(separator: ",").map { UInt64($0.trimmingCharacters(in: .whitespaces)) }
        guard !list.isEmpty, !list.contains(nil) else {
            throw CommandError("--seeds is '\(text)'; whole numbers with commas between are expected, such as 1,2,3.")
        }
        return list.compactMap { $0 }
    }
}
