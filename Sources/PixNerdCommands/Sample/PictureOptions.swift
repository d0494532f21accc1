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
            --count, all). A model of several classes per image takes them joined by +, as in cat+outdoor, and + alone \
            for an image of none.
            """)
    var classes: String?

    @Option(
        help: """
            Values for a model that is told some, such as age=30,zoom=1.5; those that are left out stay open. May be \
            given several times, for images with each.
            """)
    var values: [String] = []

    @Option(
        help: """
            Comma-separated seeds, each of which gives one image of each class or prompt (default without --per-class and \
            --count: 0,1,2,3).
            """)
    var seeds: String?

    @Option(
        name: [.long, .customLong("per-prompt")],
        help: "Images per class or prompt, with consecutive seeds starting at --first-seed.")
    var perClass: Int?

    @Option(help: "Images in all, with consecutive seeds starting at --first-seed.")
    var count: Int?

    @Option(help: "Classes or prompts of --count: balanced takes them in turn, random draws them from the seeds.")
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
    /// - Parameters:
    ///   - conditioner: The conditioner of the model.
    ///   - texts: The texts to sample.
    ///   - noise: The source of noise, by which the images of a prompt have seeds of their own or not.
    func requests(_ conditioner: any Conditioner, texts: TextOptions, noise: NoiseName) throws -> [PictureRequest] {
        let prompts = try chosenPrompts(conditioner, texts)
        guard !prompts.isEmpty else { throw CommandError("There are no classes to sample; name some with --classes.") }
        let requests = try requests(of: prompts)
        guard noise == .published, perClass != nil || count != nil else { return requests }
        // The published demo draws the noise of all images of a prompt at once, from one seed.
        var draws: [Prompt: Int] = [:]
        return requests.map { request in
            let draw = draws[request.prompt, default: 0]
            draws[request.prompt] = draw + 1
            return PictureRequest(request.prompt, seed: firstSeed, draw: draw)
        }
    }

    private func requests(of prompts: [Prompt]) throws -> [PictureRequest] {
        if let count { return RequestList.count(count, prompts: prompts, labels: labels, firstSeed: firstSeed) }
        let each = try perClass ?? chosenSeeds().count
        guard each <= Self.most / prompts.count else {
            throw CommandError(
                "\(prompts.count) classes or prompts with \(each) images each are more than \(Self.most) images; name "
                    + "fewer, or sample in several jobs.")
        }
        if let perClass { return RequestList.perClass(perClass, prompts: prompts, firstSeed: firstSeed) }
        let requests = RequestList.each(prompts: prompts, seeds: try chosenSeeds())
        guard Set(requests).count == requests.count else {
            throw CommandError(
                "--\(prompts[0].text == nil ? "classes" : "prompt")\(values.isEmpty ? "" : ", --values") or --seeds "
                    + "names the same image twice; name each \(prompts[0].text == nil ? "class" : "prompt") and seed "
                    + "once.")
        }
        return requests
    }

    private func chosenPrompts(_ conditioner: any Conditioner, _ texts: TextOptions) throws -> [Prompt] {
        let rows = try values.map { try conditioner.numbers(from: $0) }
        let contents = try chosenContents(conditioner, texts)
        return rows.isEmpty ? contents : contents.flatMap { content in rows.map(content.with(values:)) }
    }

    /// The classes or texts, without values.
    private func chosenContents(_ conditioner: any Conditioner, _ texts: TextOptions) throws -> [Prompt] {
        switch conditioner.promptKind {
        case .text:
            guard classes == nil else {
                throw CommandError("--classes is given, but the model takes texts; give them with --prompt.")
            }
            guard texts.areGiven else {
                throw CommandError("The model takes texts; give one with --prompt, or a file of them with --prompts.")
            }
            return try texts.texts().map { try conditioner.prompt(from: $0) }
        case .classes:
            guard !texts.areGiven, texts.negativePrompt == nil, texts.textEncoder == nil else {
                throw CommandError(
                    "A prompt or a text encoder is given, but the model takes classes; name them with --classes.")
            }
        }
        guard let classes else {
            let all = conditioner.allPrompts
            return count == nil ? Array(all.prefix(10)) : all
        }
        return try commaList(classes).map { try conditioner.prompt(from: $0) }
    }

    /// The images that a benchmark asks for.
    ///
    /// - Parameter conditioner: The conditioner of the model.
    func requests(_ conditioner: any Conditioner, of benchmark: BenchmarkPrompts) throws -> [PictureRequest] {
        guard conditioner.promptKind == .text else {
            throw CommandError("--layout is given, but the model takes classes, and benchmarks have texts.")
        }
        guard perClass == nil, count == nil, classes == nil, values.isEmpty else {
            throw CommandError(
                "--layout takes a number of images from --seeds; leave out --classes, --values, --per-prompt and --count."
            )
        }
        for text in benchmark.texts { _ = try conditioner.prompt(from: text) }
        return try benchmark.requests(seeds: chosenSeeds())
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
