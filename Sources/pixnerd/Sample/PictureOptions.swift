import ArgumentParser
import Foundation
import PixNerdDiffusion
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces

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

    /// - Parameter conditioner: Knows the prompts that the model takes.
    func requests(_ conditioner: any Conditioner) throws -> [PictureRequest] {
        let prompts = try chosenPrompts(conditioner)
        guard !prompts.isEmpty else { throw CommandError("No class is asked for; name some by --classes.") }
        if let count { return RequestList.count(count, prompts: prompts, labels: labels, firstSeed: firstSeed) }
        if let perClass { return RequestList.perClass(perClass, prompts: prompts, firstSeed: firstSeed) }
        let requests = RequestList.each(prompts: prompts, seeds: try chosenSeeds())
        guard Set(requests).count == requests.count else {
            throw CommandError("--classes or --seeds names the same picture twice; name each class and seed once.")
        }
        return requests
    }

    private func chosenPrompts(_ conditioner: any Conditioner) throws -> [Prompt] {
        guard let classes else {
            let all = conditioner.allPrompts
            return count == nil ? Array(all.prefix(10)) : all
        }
        return try classes.split(separator: ",").map { entry in
            try conditioner.prompt(from: entry.trimmingCharacters(in: .whitespaces))
        }
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
