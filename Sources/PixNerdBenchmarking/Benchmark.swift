import Foundation
import PixNerdDistributed
import PixNerdLayers
import PixNerdOptimization
import PixNerdTensors

/// Results of one workload. The keys are those of the peer's script, plus this package's own.
public struct BenchmarkResult: Codable, Sendable {
    public var peer = "pixnerd"
    public var work: String
    public var mode: String
    public var precision: String
    public var threads: Int
    public var imagesPerSecond: Double
    /// Median seconds per step.
    public var seconds: Double
    public var peakGB: Double
    /// Multiply-adds per step, as the published code counts them.
    public var multiplyAdds: Int
    /// Throughput of the model's large matmuls alone, measured in the same process just before and after.
    public var gemmGflops: Double
    /// Throughput of the step relative to `gemmGflops`.
    public var ratio: Double
    /// What the tile instruction allows, measured in the same way; nil for other precisions and processors.
    public var tileGflops: Double?
    /// Throughput of the step relative to `tileGflops`.
    public var tileRatio: Double?
    /// Blocks that the memory pool requested from the system during the measured steps.
    public var systemAllocations: Int
    /// Number of processes, if several. Speeds and rates are of all of them, threads and memory of one.
    public var ranks: Int?
    /// Seconds per step in which gradients were summed, if there are several processes.
    public var exchangeSeconds: Double?
    /// Fraction of that summation that overlapped with the backward pass.
    public var exchangeHidden: Double?

    enum CodingKeys: String, CodingKey {
        case peer, work, mode, precision, threads, seconds, ratio, ranks
        case imagesPerSecond = "images_per_second"
        case peakGB = "peak_gb"
        case multiplyAdds = "multiply_adds"
        case gemmGflops = "gemm_gflops"
        case tileGflops = "tile_gflops"
        case tileRatio = "tile_ratio"
        case systemAllocations = "system_allocations"
        case exchangeSeconds = "exchange_seconds"
        case exchangeHidden = "exchange_hidden"
    }
}

/// Measures the speed of a workload.
public struct Benchmark {
    public let work: Workload
    public let mode: BenchmarkMode
    public let precision: Precision
    public let repeats: Int
    private let step: (Int) throws -> Void
    private let communicator: Communicator
    private let exchangeTimes: () -> ExchangeTimes?

    /// Builds the model and its input.
    ///
    /// - Parameter ranks: the processes that run the workload together, if the mode can be distributed.
    /// - Throws: `PixNerdError` if the machine has too little memory for the workload.
    public init(
        _ work: Workload, _ mode: BenchmarkMode, precision: Precision, repeats: Int, ranks: BenchmarkRanks
    ) throws {
        try work.checkMemory(precision)
        self.work = work
        self.mode = mode
        self.precision = precision
        self.repeats = repeats
        communicator = ranks.communicator
        if communicator.size > 1, let shared = work.prepareShared?(ranks) {
            (step, exchangeTimes) = (shared.step, shared.exchangeTimes)
        } else {
            (step, exchangeTimes) = (work.prepare(mode), { nil })
        }
    }

    /// Runs two steps to warm up, then measures `repeats` steps.
    ///
    /// - Throws: `PixNerdError` if this machine does not support the precision.
    public func run() throws -> BenchmarkResult { try precision { try measured() } }

    private func measured() throws -> BenchmarkResult {
        let tileBefore = tileRate()
        let before = ProductRate.measured(work.products)
        // Memory that only the matmuls used must not count for the workload.
        MemoryPool.shared.releaseKept()
        for index in 0..<2 { try step(index) }
        _ = exchangeTimes()
        let allocations = MemoryPool.shared.statistics.systemAllocations
        var seconds: [Double] = []
        for index in 0..<repeats { seconds.append(try time { try step(2 + index) }) }
        let allocated = MemoryPool.shared.statistics.systemAllocations - allocations
        let peak = Double(peakResidentMemory()) / 1e9
        let exchange = exchangeTimes()
        let rates = communicator.gather(numbers: [max(before, ProductRate.measured(work.products))])
        let rate = rates.reduce(0) { $0 + $1[0] }
        let tileRate = communicator.gather(numbers: [max(tileBefore, tileRate())]).reduce(0) { $0 + $1[0] }
        let median = seconds.median
        let multiplyAdds = work.multiplyAdds(mode)
        return BenchmarkResult(
            work: work.name, mode: mode.rawValue, precision: precision.rawValue, threads: Threads.count,
            imagesPerSecond: Double(work.batch) / median, seconds: median, peakGB: peak, multiplyAdds: multiplyAdds,
            gemmGflops: rate / 1e9, ratio: 2 * Double(multiplyAdds) / median / rate,
            tileGflops: tileRate > 0 ? tileRate / 1e9 : nil,
            tileRatio: tileRate > 0 ? 2 * Double(multiplyAdds) / median / tileRate : nil, systemAllocations: allocated,
            ranks: communicator.size > 1 ? communicator.size : nil,
            exchangeSeconds: exchange.map { $0.sums / .seconds(repeats) },
            exchangeHidden: exchange?.hidden)
    }

    /// What the tile instruction allows; 0 where it does not run.
    private func tileRate() -> Double { precision == .bf16 ? TileProduct.instructionRate() : 0 }

    /// Times each operator over `repeats` steps.
    ///
    /// - Throws: `PixNerdError` if this machine does not support the precision.
    public func profile() throws -> [OperatorProfile.Entry] { try precision { try profiled() } }

    private func profiled() throws -> [OperatorProfile.Entry] {
        for index in 0..<2 { try step(index) }
        OperatorProfile.start()
        for index in 0..<repeats { try step(2 + index) }
        return OperatorProfile.stop()
    }
}

/// Seconds that `body` takes.
func time(_ body: () throws -> Void) rethrows -> Double {
    let duration = try ContinuousClock().measure(body).components
    return Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
}

extension [Double] {
    var median: Double {
        let sorted = self.sorted()
        guard !sorted.isEmpty else { return .nan }
        return sorted.count % 2 == 1
            ? sorted[sorted.count / 2] : (sorted[sorted.count / 2 - 1] + sorted[sorted.count / 2]) / 2
    }
}
