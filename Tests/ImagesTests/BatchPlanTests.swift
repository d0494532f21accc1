import Foundation
import Logging
import PixNerdImages
import PixNerdTestSupport
import Testing

/// Which samples processes read.
@Suite struct BatchPlanTests {
    @Test(arguments: [(24, 1, 24), (24, 3, 8), (25, 4, 3), (7, 7, 2), (10, 3, 2)])
    func sharesAndBatchesDifferByOneAtMost(step: Int, ranks: Int, most: Int) {
        let plans = (0..<ranks).map { BatchPlan(step: step, most: most, rank: $0, ranks: ranks) }
        #expect(plans.flatMap { Array($0.share) } == Array(0..<step))
        for sizes in [plans.map(\.share.count)] + plans.map(\.sizes) {
            #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
        }
        #expect(plans.allSatisfy { $0.sizes.reduce(0, +) == $0.share.count && ($0.sizes.max() ?? 0) <= most })
    }

    /// Three processes read together what one reads, over several steps and the end of an epoch.
    @Test func processesReadWhatOneReads() throws {
        try withTemporaryDirectory { directory in
            try ShapesDataset.write(to: "\(directory)/shapes", imagesPerClass: 2, size: 8, seed: 1)
            let pictures = try ImageCollection.open(root: "\(directory)/shapes")
            func read(_ plan: BatchPlan, batches: Int) throws -> [Int] {
                let loader = BatchLoader(
                    collection: pictures, buckets: ImageBuckets(size: 8, of: pictures), plan: plan, seed: 5,
                    startSample: 7, workers: 2,
                    prefetchBatches: 3, logger: Logger(label: "test"))
                defer { loader.stop() }
                return try (0..<batches).flatMap { _ in try loader.next().indices }
            }
            let steps = 4
            let whole = try read(BatchPlan(step: 7, most: 7), batches: steps)
            let shares = try (0..<3).map { rank in
                let plan = BatchPlan(step: 7, most: 2, rank: rank, ranks: 3)
                return (plan, try read(plan, batches: steps * plan.sizes.count))
            }
            var joined: [Int] = []
            for step in 0..<steps {
                for (plan, read) in shares { joined += read[step * plan.share.count..<(step + 1) * plan.share.count] }
            }
            #expect(joined == whole)
        }
    }
}
