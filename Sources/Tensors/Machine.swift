import COpenBLAS
import CVectorKernels
import Foundation

/// What the products run on.
public struct Machine: Sendable {
    /// The processor's name as the system gives it.
    public let processor: String
    /// The instruction set of the vector kernels.
    public let instructionSet: String
    /// OpenBLAS's version and how it was built.
    public let blas: String
    /// The processor core that OpenBLAS chose its kernels for.
    public let blasCore: String
    /// The version of oneDNN, where it is found.
    public let oneDNN: String?
    /// Which float32 products are left to oneDNN, in multiply-adds; nil for none.
    public let oneDNNSizes: ClosedRange<Int>?
    /// Whether bf16 products without gradients are this package's own.
    public let packsWeights: Bool
    /// Why products in bf16 cannot be had, in one sentence; nil where they can.
    public let bfloat16Obstacle: String?
    /// Memory of the machine in bytes.
    public let memory: UInt64

    public init() {
        processor = Self.processorName()
        instructionSet = String(cString: kernel_instruction_set())
        blas = String(cString: openblas_get_config()).trimmingCharacters(in: .whitespaces)
        blasCore = String(cString: openblas_get_corename())
        oneDNN = OneDNN.shared.version
        oneDNNSizes = OneDNN.shared.computesFloat32 ? OneDNN.float32Sizes : nil
        packsWeights = Precision.packsWeights
        bfloat16Obstacle = OneDNN.shared.obstacle
        memory = ProcessInfo.processInfo.physicalMemory
    }

    private static func processorName() -> String {
        guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else { return "unknown" }
        for line in text.split(separator: "\n") where line.hasPrefix("model name") {
            return line.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) } ?? "unknown"
        }
        return "unknown"
    }

    /// Where OpenBLAS is kept from using what the processor has, one sentence that says so and what to do.
    public var warning: String? {
        let fast = ["SKYLAKEX", "COOPERLAKE", "SAPPHIRERAPIDS"]
        guard instructionSet.hasPrefix("x86-64-v4"), !fast.contains(blasCore.uppercased()) else { return nil }
        guard let asked = ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] else {
            return "This processor has AVX-512, but OpenBLAS chose its \(blasCore) kernels, which do not use it; "
                + "a newer OpenBLAS may know the processor."
        }
        return "This processor has AVX-512, but OPENBLAS_CORETYPE=\(asked) makes OpenBLAS use its \(blasCore) kernels, "
            + "which takes about twice the time; unset OPENBLAS_CORETYPE."
    }
}

/// The largest resident memory of this process since its program began, in bytes.
public func peakResidentMemory() -> Int {
    // What getrusage says also counts the process that started this one.
    if let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
        let line = status.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
        let kilobytes = line.split(whereSeparator: { " \t".contains($0) }).dropFirst().first.flatMap({ Int($0) })
    {
        return kilobytes * 1024
    }
    var usage = rusage()
    // 0 is RUSAGE_SELF, which glibc declares as an enumeration that Swift does not convert.
    getrusage(0, &usage)
    return usage.ru_maxrss * 1024
}
