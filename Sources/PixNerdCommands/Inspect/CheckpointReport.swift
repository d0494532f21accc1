import Foundation
import PixNerdCheckpoints
import PixNerdInspection
import PixNerdModels
import PixNerdSupport
import PixNerdTraining

/// The text of a checkpoint's summary.
struct CheckpointReport {
    private var lines: [String] = []

    private static let keyWidth = 17

    var text: String { lines.map { printable($0) }.joined(separator: "\n") }

    init(_ summary: CheckpointSummary, everyTensor: Bool) {
        add("file", summary.path)
        add("kind", summary.kind)
        add("size", String(format: "%.2f MB", Double(summary.bytes) / 1e6))
        add("integrity", summary.integrity)
        for (key, value) in summary.metadata.sorted(by: { $0.key < $1.key }) {
            add("metadata", "\(key): \(Self.shortened(value))")
        }
        for weights in summary.weights { add(weights) }
        if let projector = summary.projector {
            add(
                "projector",
                "\(DenoiserCheckpoint.projectorPrefix)proj.*: from token width \(projector.inputs) through "
                    + "\(projector.hidden) to feature width \(projector.outputs), \(projector.parameters) parameters"
            )
        }
        if let autoencoder = summary.autoencoder {
            add(
                "latents",
                "\(autoencoder.latentChannels) channels, f\(autoencoder.reduction), of \(autoencoder.text), read from "
                    + autoencoder.path)
        }
        for value in summary.values { add("value", value.summary) }
        if let averages = summary.averages {
            let lengths = averages.lengths.map { "\($0)" }.joined(separator: ", ")
            add(
                "averages",
                "of length \(lengths), kept of \(counted(averages.steps.count, "step")) up to "
                    + "\(averages.steps.last ?? 0)")
        }
        if let cost = summary.cost {
            add(
                "one image",
                "\(cost.height) x \(cost.width): "
                    + String(
                        format: "%.3f G multiply-adds, %.3f GFLOP per forward pass", Double(cost.multiplyAdds) / 1e9,
                        Double(cost.flops) / 1e9)
                    + (summary.autoencoder == nil ? "" : ", without the autoencoder"))
        }
        add(summary.unknown)
        lines.append("")
        lines += everyTensor ? Self.list(summary.tensors) : Self.groups(summary.tensors)
    }

    private mutating func add(_ key: String, _ value: String) { lines.append(Self.line(key, value)) }

    /// The text of rows and of the tensors below them.
    static func text(
        _ rows: [(String, String)], _ tensors: [CheckpointSummary.TensorLine], everyTensor: Bool
    ) -> String {
        let lines = rows.map { line($0.0, $0.1) } + [""] + (everyTensor ? list(tensors) : groups(tensors))
        return lines.map { printable($0) }.joined(separator: "\n")
    }

    /// What encoding and decoding by an autoencoder cost.
    static func text(encoding: CheckpointSummary.Cost, decoding: CheckpointSummary.Cost) -> String {
        "\(encoding.height) x \(encoding.width): "
            + String(
                format: "%.3f GFLOP to encode, %.3f GFLOP to decode", Double(encoding.flops) / 1e9,
                Double(decoding.flops) / 1e9)
    }

    private static func line(_ key: String, _ value: String) -> String {
        TextTable.line(key, value, width: keyWidth)
    }

    private mutating func add(_ weights: CheckpointSummary.Weights) {
        let name = weights.prefix.isEmpty ? "without a prefix" : "\(weights.prefix)*"
        add(
            "weights",
            "\(name): \(weights.tensors) tensor\(weights.tensors == 1 ? "" : "s"), \(weights.parameters) parameters")
        if let problem = weights.problem {
            add("", problem)
        } else if let architecture = weights.architecture {
            for line in architecture.summary { add("", line) }
        }
        if !weights.unexpected.isEmpty {
            add("", "not part of the model: \(Self.shortened(weights.unexpected))")
        }
    }

    private mutating func add(_ unknown: CheckpointSummary.Unknown) {
        if !unknown.tensors.isEmpty { add("other tensors", Self.shortened(unknown.tensors)) }
        for (name, reason) in unknown.unreadable.sorted(by: { $0.key < $1.key }).prefix(8) {
            add("unreadable", "\(name), which is \(reason)")
        }
        if unknown.unreadable.count > 8 { add("", "and \(unknown.unreadable.count - 8) more") }
        if !unknown.skippedGlobals.isEmpty {
            add("skipped, not run", Self.shortened(unknown.skippedGlobals))
        }
        if !unknown.otherEntries.isEmpty { add("other entries", Self.shortened(unknown.otherEntries)) }
    }

    private static func shortened(_ names: [String]) -> String {
        listed(names.prefix(8).map { shortened($0) }, of: names.count)
    }

    private static func shortened(_ text: String) -> String {
        text.count > 200 ? text.prefix(200) + "..." : text
    }

    static func list(_ tensors: [CheckpointSummary.TensorLine]) -> [String] {
        let width = tensors.map(\.name.count).max() ?? 0
        return tensors.map {
            "\(TextTable.padded($0.name, to: width))  \(TextTable.padded($0.dtype, to: 4))  \($0.shape)"
        }
    }

    /// A line for each group of tensors that differ only in a number in their names.
    static func groups(_ tensors: [CheckpointSummary.TensorLine]) -> [String] {
        var order: [String] = []
        var groups: [String: (name: String, line: CheckpointSummary.TensorLine, count: Int)] = [:]
        for tensor in tensors {
            let name = tensor.name.split(separator: ".", omittingEmptySubsequences: false)
                .map { !$0.isEmpty && $0.allSatisfy(\.isNumber) ? "*" : $0 }.joined(separator: ".")
            let key = "\(name) \(tensor.dtype) \(tensor.shape)"
            if groups[key] == nil {
                order.append(key)
                groups[key] = (name, tensor, 0)
            }
            groups[key]?.count += 1
        }
        let shown = order.prefix(200).compactMap { groups[$0] }
        let width = shown.map(\.name.count).max() ?? 0
        let rows = shown.map { group in
            let name = group.count == 1 ? group.line.name : group.name
            let times = group.count == 1 ? "" : "  x \(group.count)"
            return
                "\(TextTable.padded(name, to: width))  \(TextTable.padded(group.line.dtype, to: 4))  \(group.line.shape)\(times)"
        }
        return rows + (order.count > 200 ? ["and \(order.count - 200) more; --tensors lists all"] : [])
    }
}
