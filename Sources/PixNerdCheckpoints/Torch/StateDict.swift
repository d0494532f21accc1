import PixNerdSupport

/// The weights in a pickle, wherever training programs put them.
///
/// They are at the top level, or under a key such as `state_dict` (Lightning) or `model`. Next to it, an `ema` key may
/// hold the EMA (DiT, SiT, REPA); its tensors are then named `ema_denoiser.*` and the others `denoiser.*`.
struct StateDict {
    var tensors: [(name: String, tensor: TorchTensor)] = []
    /// Tensors made by unknown functions, with the name of the function.
    var unreadable: [(name: String, maker: String)] = []
    /// Numbers and strings next to the weights.
    var metadata: [String: String] = [:]
    /// Other keys next to the weights.
    var otherEntries: [String] = []

    private static let averageKeys = ["ema", "model_ema", "ema_model", "ema_state_dict", "state_dict_ema"]
    private static let weightKeys = ["state_dict", "model", "model_state_dict", "net", "module", "modules"]
    private static let deepest = 8

    /// - Throws: `PixNerdError` saying what was found instead of weights.
    init(_ pickle: Pickle, origin: String) throws {
        var search = Search(pickle: pickle)
        guard let found = search.weights(in: pickle.root, depth: 0) else {
            throw PixNerdError(
                .malformed, "\(origin)", found: "contains no state dict: \(Self.describe(pickle))",
                advice: "save model.state_dict() with torch.save")
        }
        let renamed = found.average != nil && found.weights != nil
        for (place, prefix) in [(found.weights, "denoiser."), (found.average, "ema_denoiser.")] {
            guard let place else { continue }
            for (key, value) in pickle.dictionary(place) ?? [] {
                var name = publishedName(key)
                if renamed, !name.hasPrefix(prefix) {
                    name = prefix + (name.hasPrefix("denoiser.") ? String(name.dropFirst("denoiser.".count)) : name)
                }
                add(name, value, pickle)
            }
        }
        describeRest(pickle, found)
    }

    private mutating func add(_ name: String, _ value: PickleValue, _ pickle: Pickle) {
        if let tensor = pickle.tensor(value) {
            tensors.append((name, tensor))
        } else if let object = pickle.object(value), case .opaque(let maker) = object.kind {
            unreadable.append((name, maker))
        }
    }

    private mutating func describeRest(_ pickle: Pickle, _ found: Found) {
        let named = Set(tensors.map(\.name) + unreadable.map(\.name))
        for (key, value) in pickle.dictionary(pickle.root) ?? [] {
            switch value {
            case .none: continue
            case .boolean(let flag): metadata[key] = String(flag)
            case .integer(let number): metadata[key] = String(number)
            case .real(let number): metadata[key] = String(number)
            case .string(let text): metadata[key] = text
            case .object:
                if !named.contains(publishedName(key)), !found.keys.contains(key) { otherEntries.append(key) }
            }
        }
    }

    /// The locations of weights and EMA.
    private struct Found {
        var weights: PickleValue?
        var average: PickleValue?
        /// The top-level keys that lead to them.
        var keys: Set<String> = []
    }

    /// A search that visits no object twice, so that it ends in spite of cycles.
    private struct Search {
        let pickle: Pickle
        var seen: Set<Int> = []

        mutating func weights(in value: PickleValue, depth: Int) -> Found? {
            guard depth < StateDict.deepest, case .object(let index) = value, seen.insert(index).inserted,
                let entries = pickle.dictionary(value)
            else { return nil }
            let places = Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0.value) })
            var found = Found()
            for key in StateDict.weightKeys where found.weights == nil {
                guard let inner = places[key].flatMap({ weights(in: $0, depth: depth + 1) }) else { continue }
                found.weights = inner.weights
                found.average = inner.average
                found.keys.insert(key)
            }
            for key in StateDict.averageKeys where found.average == nil {
                guard let inner = places[key].flatMap({ weights(in: $0, depth: depth + 1) }) else { continue }
                found.average = inner.weights ?? inner.average
                found.keys.insert(key)
            }
            if found.weights != nil || found.average != nil { return found }
            guard entries.contains(where: { pickle.tensor($0.value) != nil }) else { return nil }
            return Found(weights: value)
        }
    }

    /// What a pickle contains instead of weights.
    private static func describe(_ pickle: Pickle) -> String {
        if pickle.tensor(pickle.root) != nil { return "it is a single tensor" }
        if let entries = pickle.dictionary(pickle.root) {
            let keys = entries.prefix(8).map(\.key).joined(separator: ", ")
            return keys.isEmpty ? "it is empty" : "there are no tensors under its keys (\(keys))"
        }
        guard let object = pickle.object(pickle.root) else { return "it is a plain value" }
        switch object.kind {
        case .opaque(let maker): return "it is an object of \(maker), which is not run"
        case .global(let name): return "it is \(name), which is not run"
        case .list, .tuple, .set: return "it is a list, not a dictionary"
        case .dictionary, .storage, .tensor: return "it is something else"
        }
    }
}
