import Foundation
import PixNerdTestSupport
import Testing

@testable import PixNerdTraining

/// Distances of samples to real images, measured in training.
@Suite struct DistanceTests {
    private func measureDistances(_ configuration: inout Configuration) {
        configuration.training.distanceEvery = 3
        configuration.training.distanceImages = 6
        configuration.sampling.steps = 2
    }

    @Test func measuringDoesNotChangeTraining() throws {
        try TinyRuns.with { runs in
            let measured = try runs.train("measured") {
                holdOutEighth(&$0)
                measureDistances(&$0)
            }
            let plain = try runs.train("plain") { holdOutEighth(&$0) }
            #expect(measured.log == [])
            let (files, others) = (try runs.files(measured.run), try runs.files(plain.run))
            for name in files.keys where name != "state.json" { #expect(files[name] == others[name], "\(name)") }
            let records = try runs.metrics(measured.run)
            #expect(records.filter { $0.distances != nil }.map(\.step) == [3, 6])
            #expect(try runs.metrics(plain.run).allSatisfy { $0.distances == nil })
            for distances in records.compactMap(\.distances) {
                #expect(!distances.isEmpty && distances.allSatisfy { $0.value > 0 && $0.value.isFinite })
                #expect(distances.allSatisfy { ($0.low ?? 0) <= $0.value && $0.value <= ($0.high ?? .infinity) })
                #expect(distances.contains { $0.floor != nil })
            }
            // Sampling and its products are not counted as training.
            #expect(records.allSatisfy { ($0.processorsBusy ?? -1) >= 0 && ($0.machineShare ?? -1) > 0 })
        }
    }

    @Test func imagesThatAreTrainedOnAreTakenWhereNoneAreHeldOut() throws {
        try TinyRuns.with { runs in
            let run = try runs.train("trained") { measureDistances(&$0) }.run
            #expect(try runs.metrics(run).compactMap(\.distances).count == 2)
        }
    }

    @Test func anAutoencoderHasNone() {
        var configuration = Configuration()
        measureDistances(&configuration)
        #expect(configuration.firstDenoiserKeyInUse == "training.distance_every")
    }
}
