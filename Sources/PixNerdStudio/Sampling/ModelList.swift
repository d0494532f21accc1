import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSampling
import PixNerdSupport

/// A model that can be sampled, as the page shows it.
struct ModelEntry: Codable, Sendable {
    struct Size: Codable, Sendable { let height, width: Int }
    struct Defaults: Codable, Sendable {
        let steps: Int
        let guidance: Float?
        let sampler: String?
        let order: Int?
        let shift: Float
    }

    let id: String
    var summary = ""
    /// Saved steps, ascending; empty for a file.
    var steps: [Int] = []
    var hasEma = false
    /// `classes` or `text`.
    var takes = "classes"
    var classes: [String] = []
    /// Names of the numbers that the model is told.
    var values: [String] = []
    var size: Size?
    /// What sides should be a multiple of.
    var multiple: Int?
    var defaults: Defaults?
    /// What pictures it is shown: `edges` or `control` for a ControlNet, else `grey`, `small`, `masked` or `pictures`;
    /// nil for none.
    var shows: String?
    /// Whether it was distilled to few steps.
    var fewSteps = false
    /// Why it cannot be sampled; nil if it can.
    var error: String?

    init(id: String) { self.id = id }
}

/// The models of a folder, described once for each saved step.
actor ModelList {
    private let runs: RunList
    private let work = BlockingWork(label: "models")
    private var known: [String: (stamp: String, entry: ModelEntry)] = [:]

    init(_ runs: RunList) { self.runs = runs }

    /// The models, newest first. Runs without a saved step are left out.
    func all() async -> [ModelEntry] {
        var models: [ModelEntry] = []
        for entry in runs.entries() {
            let steps = entry.run.savedSteps
            guard !entry.isRun || !steps.isEmpty else { continue }
            let stamp = "\(steps) \(entry.isRun ? "" : entry.changed.description)"
            if let model = known[entry.id], model.stamp == stamp {
                models.append(model.entry)
                continue
            }
            let described = await describe(entry, steps)
            // Autoencoders are runs, too, and cannot be sampled by themselves.
            known[entry.id] = (stamp, described)
            models.append(described)
        }
        return models.filter { $0.error != ModelEntry.noDenoiser }
    }

    private func describe(_ entry: RunList.Entry, _ steps: [Int]) async -> ModelEntry {
        do {
            return try await work { try ModelEntry(entry, steps: steps) }
        } catch {
            var model = ModelEntry(id: entry.id)
            (model.steps, model.error) = (steps, StudioFailure(error).message)
            return model
        }
    }
}

extension ModelEntry {
    /// Stands for runs that are no denoisers, which are left out.
    static let noDenoiser = "no denoiser"

    fileprivate init(_ entry: RunList.Entry, steps: [Int]) throws {
        self.init(id: entry.id)
        self.steps = steps
        if entry.isRun, let newest = steps.last,
            !FileManager.default.fileExists(atPath: "\(entry.run.stepPath(newest))/denoiser.safetensors")
        {
            error = Self.noDenoiser
            return
        }
        var options = SamplingOptions()
        options.control.isOnlyDescribed = true
        let sampling = try CheckpointSampling(path: entry.path, options)
        let loaded = sampling.loaded
        summary = loaded.architecture.summary.joined(separator: " ")
        hasEma = try DenoiserCheckpoint(path: entry.path).preferred(nil) == .ema
        let conditioner = loaded.conditioner
        takes = conditioner.promptKind == .text ? "text" : "classes"
        if conditioner.promptKind == .classes { classes = conditioner.allPrompts.map(conditioner.name(of:)) }
        values = conditioner.values.map(\.name)
        size = Size(height: sampling.size.height, width: sampling.size.width)
        multiple = loaded.model.sizeMultiple.shorterSide * loaded.reduction
        let settings = sampling.settings
        defaults = Defaults(
            steps: settings.steps, guidance: settings.guidance.scales.count == 1 ? settings.guidance.scales[0] : nil,
            sampler: settings.sampler.name, order: settings.sampler.order, shift: settings.shift)
        shows =
            switch sampling.shownKind {
            case .control(let edges): edges == nil ? "control" : "edges"
            case .pictures(let input): input.kind.rawValue
            case nil: nil
            }
        fewSteps = settings.sampler == .jumps
    }
}
