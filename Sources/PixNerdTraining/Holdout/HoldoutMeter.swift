import PixNerdDistributed
import PixNerdImages
import PixNerdSupport

/// Measures the loss of held-out images and of as many that are trained on, on all processes together.
final class HoldoutMeter {
    let plan: HoldoutPlan
    private let task: any TrainingTask
    private let communicator: Communicator
    private let heldOut: Side
    private let seen: Side
    /// Most images of a forward pass.
    private let most: Int

    /// One kind of images: their reader, and the place of each image of the plan.
    private struct Side {
        let reader: CropReader
        let places: [Int]
        /// Whether they are images of `data.root`.
        let isPrecomputed: Bool
    }

    /// Chooses the images. Those that cannot be read are left out.
    ///
    /// - Parameter unreadable: receives the reason for each image that is left out.
    /// - Returns: nil if nothing is measured.
    /// - Throws: `PixNerdError` if none of the held-out images, or of those that are trained on, can be read.
    init?(
        _ preparation: any TrainingPreparation, _ task: any TrainingTask, _ communicator: Communicator,
        unreadable: (_ reason: String) -> Void
    ) throws {
        let (configuration, holdout) = (preparation.configuration, preparation.holdout)
        let training = configuration.training
        guard let source = holdout.source, training.holdoutEvery > 0 else { return nil }
        (self.task, self.communicator) = (task, communicator)
        most = configuration.plan(communicator).sizes.max() ?? 1
        func reader(_ collection: ImageCollection) -> CropReader {
            CropReader(
                collection, companions: preparation.allCompanions, imageSize: configuration.data.imageSize,
                isPadded: configuration.data.crop.padsImages,
                decoding: preparation.decoding)
        }
        let readers = (heldOut: reader(source), seen: reader(holdout.all))
        let places = holdout.measured(training.holdoutImages).filter {
            readers.heldOut.read([$0], unreadable: unreadable) != nil
        }
        guard !places.isEmpty else {
            throw PixNerdError(
                .malformed, "\(source.root):", found: "none of the held-out images can be read",
                advice: "remove damaged images, or choose others with data.holdout or data.holdout_root")
        }
        var partners = Partners(holdout.rankedTrained, readers.seen)
        let seen = try places.map { place in
            try partners.next(label: source.samples[place].label, root: holdout.all.root)
        }
        heldOut = Side(reader: readers.heldOut, places: places, isPrecomputed: holdout.isShare)
        self.seen = Side(reader: readers.seen, places: seen, isPrecomputed: true)
        plan = HoldoutPlan(
            heldOut: places, seen: seen,
            names: places.map { source.shortName(source.samples[$0]) }
                + seen.map { holdout.all.shortName(holdout.all.samples[$0]) },
            weighing: training.timeWeight.rawValue,
            count: training.holdoutImages, drawn: task.drawnTimes(HoldoutPlan.draws))
    }

    /// The losses with the current weights, the same ones on all processes.
    ///
    /// - Throws: on all processes, if an image cannot be read any more on one of them.
    func losses() throws -> HoldoutLosses {
        let (own, others) = try communicator.agree { (try losses(of: heldOut), try losses(of: seen)) }
        func side(_ losses: [Float]) -> HoldoutLosses.Side {
            HoldoutLosses.Side(communicator.gather(numbers: losses).flatMap { $0 }, plan)
        }
        return HoldoutLosses(heldOut: side(own), seen: side(others))
    }

    /// The losses of this process's share of the measurements.
    private func losses(of side: Side) throws -> [Float] {
        let (rank, ranks) = (communicator.rank, communicator.size)
        let share = plan.count * rank / ranks..<plan.count * (rank + 1) / ranks
        return try stride(from: share.lowerBound, to: share.upperBound, by: most).flatMap { first in
            let measurements = first..<min(first + most, share.upperBound)
            let places = measurements.map { side.places[plan.image(of: $0)] }
            var reason = ""
            guard let loaded = side.reader.read(places, unreadable: { reason = $0 }), loaded.count == places.count
            else {
                throw PixNerdError(.malformed, found: "an image cannot be read any more: \(reason)")
            }
            return try task.fixedLosses(
                loaded, isPrecomputed: side.isPrecomputed,
                times: plan.times.isEmpty ? [] : Array(plan.times[measurements]), first: first)
        }
    }
}

/// Images that are trained on, to be measured beside held-out ones.
private struct Partners {
    /// Indices of the images by label, in the order of their ranks.
    private let places: [[Int]]
    private let reader: CropReader
    /// The number of images of each label that were taken or left out.
    private var taken: [Int]

    init(_ places: [[Int]], _ reader: CropReader) {
        (self.places, self.reader) = (places, reader)
        taken = [Int](repeating: 0, count: places.count)
    }

    /// The next image of a class. When all were taken they are taken again.
    ///
    /// - Throws: `PixNerdError` if no image of any class can be read.
    mutating func next(label: Int, root: String) throws -> Int {
        // A class without images that are trained on is stood in for by the next one that has some.
        for offset in places.indices {
            let other = (label + offset) % places.count
            for _ in places[other].indices {
                let place = places[other][taken[other] % places[other].count]
                taken[other] += 1
                // The loader names those that cannot be read.
                if reader.read([place], unreadable: { _ in }) != nil { return place }
            }
        }
        throw PixNerdError(.malformed, "\(root):", found: "none of the images that are trained on can be read")
    }
}
