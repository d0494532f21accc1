import PixNerdDiffusion
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// What is trained of a model: all its parameters, some of them, or smaller ones that some of its weights follow from.
struct TrainedPart {
    /// The model's parameters.
    private let model: [Parameter]
    /// The trained ones, which have optimizer state and EMAs.
    let parameters: [Parameter]
    private let links: [any WeightLink]
    /// Number of low-rank products; 0 for none.
    private let products: Int

    /// All parameters of a model.
    init(all parameters: [Parameter]) { (model, self.parameters, links, products) = (parameters, parameters, [], 0) }

    /// What a configuration asks for.
    ///
    /// - Parameters:
    ///   - new: labels of the classes that the model did not have where the run began.
    ///   - index: number of the random streams for initial values that others have used.
    /// - Throws: `PixNerdError` naming the key that fits nothing.
    init(_ configuration: Configuration, _ model: any AlignableDenoiser, new: [Int], after index: Int) throws {
        let all = model.parameters
        let training = configuration.training
        guard training.train != .all else {
            let frozen = try Self.chosen(training.freeze, all, key: "training.freeze")
            let isFrozen = Set(frozen.map(ObjectIdentifier.init))
            let rest = all.filter { !isFrozen.contains(ObjectIdentifier($0)) }
            guard !rest.isEmpty else {
                throw PixNerdError(
                    .mismatch, "training.freeze", found: "fits every weight of the model, so that nothing is trained",
                    advice: "leave some out")
            }
            for parameter in frozen { parameter.training = .nothing }
            (self.model, parameters, links, products) = (all, rest, [], 0)
            return
        }
        for parameter in all { parameter.training = .nothing }
        var links: [any WeightLink] = []
        if let table = all.first(where: { $0.name == KnownDenoisers.classTableName }), !new.isEmpty {
            links.append(RowsLink(table, places: new))
        }
        var products = 0
        if training.train == .lora {
            let matrices = try Self.targets(configuration.lora, model)
            products = matrices.count
            links += matrices.enumerated().map { place, matrix in
                LowRankLink(
                    matrix, configuration.lora, seed: configuration.seed, place: place, index: index + place)
            }
        }
        (self.model, self.links, self.products) = (all, links, products)
        parameters = links.flatMap(\.parameters)
    }

    /// The matrices that get products.
    private static func targets(
        _ section: Configuration.LoRASection, _ model: any AlignableDenoiser
    ) throws -> [Parameter] {
        // The tables of shared modulations are no layers, and other programs have no products for them.
        guard !section.targets.isEmpty else { return model.blockMatrices.filter { $0.name.hasSuffix(".weight") } }
        let matrices = model.parameters.filter {
            $0.value.shape.count == 2 && $0.name.hasSuffix(".weight") && $0.name != KnownDenoisers.classTableName
        }
        return try chosen(section.targets, matrices, key: "lora.targets")
    }

    /// The parameters that patterns fit, in their own order.
    private static func chosen(_ patterns: [String], _ from: [Parameter], key: ErrorText) throws -> [Parameter] {
        let patterns = patterns.map(NamePattern.init)
        for pattern in patterns where !from.contains(where: { pattern.fits($0.name) }) {
            throw PixNerdError(
                .mismatch, key, found: "holds '\(pattern.text)', which fits no weight of the model",
                expected: "names such as \(listed(from: from.map(\.name), nearestTo: pattern.text))")
        }
        return from.filter { parameter in patterns.contains { $0.fits(parameter.name) } }
    }

    private static func listed(from names: [String], nearestTo text: String) -> String {
        PixNerdSupport.listed(names, nearestTo: text, most: 4)
    }

    /// What is trained and how many numbers that are; nil if all of the model is.
    var description: String? {
        let count = parameters.reduce(0) { $0 + $1.value.count }
        let whole = model.reduce(0) { $0 + $1.value.count }
        guard count != whole || !links.isEmpty else { return nil }
        let part = String(format: "%.2g", 100 * Double(count) / Double(whole))
        let rows = links.contains { $0 is RowsLink } ? "the rows of new classes" : nil
        let low = products > 0 ? "low-rank products for \(counted(products, "matrix", plural: "matrices"))" : nil
        let what = [low, rows].compactMap { $0 }.joined(separator: " and ")
        return "\(count) numbers, \(part) % of the model" + (what.isEmpty ? "" : ": " + what)
    }

    /// Names of the matrices that have products.
    var layers: [String] {
        links.filter { $0 is LowRankLink }.map { String($0.weight.name.dropLast(".weight".count)) }
    }

    /// Gives the model the weights that follow from the trained parameters.
    func apply() { for link in links { link.apply() } }

    /// Runs a step, whose weights may differ from those between steps.
    func during<R>(step: Int, _ body: () throws -> R) rethrows -> R {
        for link in links { link.begin(step: step) }
        defer {
            for link in links { link.end() }
            apply()
        }
        return try body()
    }

    /// All weights of the model for values of the trained parameters, which are fetched when they are needed.
    func weights(_ trained: [LateTensor]) -> [LateTensor] {
        let places = Dictionary(
            uniqueKeysWithValues: parameters.enumerated().map { (ObjectIdentifier($1), $0) })
        let linked = Dictionary(uniqueKeysWithValues: links.map { (ObjectIdentifier($0.weight), $0) })
        return model.map { parameter in
            if let place = places[ObjectIdentifier(parameter)] { return trained[place] }
            guard let link = linked[ObjectIdentifier(parameter)] else { return { parameter.value } }
            let values = link.parameters.map { trained[places[ObjectIdentifier($0)]!] }
            return { link.value(values.map { $0() }) }
        }
    }

    /// The trained parameters that saved weights have.
    ///
    /// - Parameters:
    ///   - weights: all weights of the model, in the order of its parameters.
    ///   - adapter: what `adapterTensors` gave, where the weights do not tell; nil if there are no products.
    /// - Throws: `PixNerdError` if the adapter lacks a tensor.
    func trained(of weights: [Tensor], adapter: (any TensorSource)?) throws -> [Tensor] {
        let saved = Dictionary(uniqueKeysWithValues: zip(model.map(ObjectIdentifier.init), weights))
        guard !links.isEmpty else { return parameters.map { saved[ObjectIdentifier($0)]! } }
        return try links.flatMap { link -> [Tensor] in
            if let values = link.values(of: saved[ObjectIdentifier(link.weight)]!) { return values }
            return try link.parameters.map { parameter in
                let name = Self.prefix + parameter.name
                guard let adapter, let shape = adapter.shape(of: name), shape == parameter.value.shape else {
                    throw PixNerdError(
                        .mismatch, "\(adapter?.origin ?? "The step")",
                        found: "lacks \(parameter.name) of the shape \(parameter.value.shape)",
                        advice: "resume with the run's own lora section, or choose another name for a new run")
                }
                return try adapter.tensor(name)
            }
        }
    }

    /// What peft puts before the names of a model.
    private static let prefix = "base_model.model."

    /// The tensors of the products under peft's names, with an alpha for each; empty if there are none.
    func adapterTensors(_ trained: [LateTensor], alpha: Float) -> [(name: String, shape: [Int], tensor: LateTensor)] {
        guard products > 0 else { return [] }
        return zip(parameters, trained).filter { $0.0.name.contains(".lora_") }.flatMap { parameter, tensor in
            let own = (name: Self.prefix + parameter.name, shape: parameter.value.shape, tensor: tensor)
            guard parameter.name.hasSuffix(".lora_A.weight") else { return [own] }
            let layer = parameter.name.dropLast(".lora_A.weight".count)
            return [own, ("\(Self.prefix)\(layer).alpha", [1], { Tensor([alpha], shape: [1]) })]
        }
    }
}
