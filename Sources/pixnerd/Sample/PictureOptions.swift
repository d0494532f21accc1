import ArgumentParser
import Foundation
import PixNerdDiffusion
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport

extension LabelChoice: ExpressibleByArgument {}

/// The options that choose classes and seeds.
struct PictureOptions: ParsableArguments {
    @Option(
        help: """
            Comma-separated class names or numbers, in quotes if a name holds a comma (default: the first ten; with \
            --count, all).
            """)
    var classes: String?

    @Option(
        help: """
            Comma-separated seeds, each of which gives one image of each class (default without --per-class and \
            --count: 0,1,2,3).
            """)
    var seeds: String?

    @Option(help: "Images per class, with consecutive seeds starting at --first-seed.")
    var perClass: Int?

    @Option(help: "Images in all, with consecutive seeds starting at --first-seed.")
    var count: Int?

    @Option(help: "Classes of --count: balanced takes them in turn, random draws them from the seeds.")
    var labels = LabelChoice.balanced

    @Option(help: "Seed of the first image of --per-class and --count.")
    var firstSeed: UInt64 = 0

    /// Maximum number of images, all of which are listed before the first is sampled.
    private static let most = 10_000_000

    func validate() throws {
        let asked = [("--seeds", seeds != nil), ("--per-class", perClass != nil), ("--count", count != nil)]
            .filter(\.1).map(\.0)
        guard asked.count <= 1 else {
            throw ValidationError("\(asked.joined(separator: " and ")) exclude each other; give only one of them.")
        }
        for (name, value) in [("--per-class", perClass), ("--count", count)] {
            if let value, !(1...Self.most).contains(value) {
                throw ValidationError("\(name) is \(value); it must be from 1 to \(Self.most).")
            }
        }
    }

    /// The images that these options ask for.
    ///
    /// - Parameter conditioner: The conditioner of the model.
    func requests(_ conditioner: any Conditioner) throws -> [PictureRequest] {
        let prompts = try chosenPrompts(conditioner)
        guard !prompts.isEmpty else { throw CommandError("There are no classes to sample; name some with --classes.") }
        if let count { return RequestList.count(count, prompts: prompts, labels: labels, firstSeed: firstSeed) }
        let each = try perClass ?? chosenSeeds().count
        guard each <= Self.most / prompts.count else {
            throw CommandError(
                "\(prompts.count) classes with \(each) images each are more than \(Self.most) images; name fewer "
                    + "classes with --classes, or sample in several jobs.")
        }
        if let perClass { return RequestList.perClass(perClass, prompts: prompts, firstSeed: firstSeed) }
        let requests = RequestList.each(prompts: prompts, seeds: try chosenSeeds())
        guard Set(requests).count == requests.count else {
            throw CommandError("--classes or --seeds names the same image twice; name each class and seed once.")
        }
        return requests
    }

    private func chosenPrompts(_ conditioner: any Conditioner) throws -> [Prompt] {
        guard let classes else {
            let all = conditioner.allPrompts
            return count == nil ? Array(all.prefix(10)) : all
        }
        return try commaList(classes).map { try conditioner.prompt(from: $0) }
    }

    private func chosenSeeds() throws -> [UInt64] {
        let text = seeds ?? "0,1,2,3"
        let list = text.split(separator: ",").map { UInt64($0.trimmingCharacters(in: .whitespaces)) }
        guard !list.isEmpty, !list.contains(nil) else {
            throw CommandError("--seeds is '\(text)'; expected comma-separated whole numbers, such as 1,2,3.")
        }
        return list.compactMap { $0 }
    }
}
