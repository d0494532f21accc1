import CPixNerdKernels
import Foundation

/// What the products run on.
public struct Machine: Sendable {
    /// The processor's name as the system gives it.
    public let processor: String
    /// The instruction set of the vector kernels.
    public let instructionSet: String
    /// Name and version of the library that multiplies matrices, or its path where it is not a known one; nil for none.
    public let blas: String?
    /// The file of that library.
    public let blasPath: String?
    /// The processor core whose kernels OpenBLAS runs, such as "SkylakeX"; nil for other libraries.
    public let blasCore: String?
    /// Why there is no library that multiplies matrices, in one sentence; nil where there is one.
    public let blasObstacle: String?
    /// The version of oneDNN, where it is found.
    public let oneDNN: String?
    /// Which float32 products are left to oneDNN, in multiply-adds; nil for none.
    public let oneDNNSizes: ClosedRange<Int>?
    /// Whether bf16 products without gradients are this package's own.
    public let packsWeights: Bool
    /// Why products in bf16 cannot be had, in one sentence; nil where they can.
    public let bfloat16Obstacle: String?
    /// Whether the processor multiplies bf16, which oneDNN would make use of.
    public let hasBFloat16: Bool
    /// Memory of the machine in bytes.
    public let memory: UInt64
    private let library: MatrixLibrary?

    /// Loads the library that multiplies matrices, where this process has not done so yet.
    public init() {
        processor = Self.processorName()
        instructionSet = String(cString: pn_instruction_set())
        (library, blasObstacle) =
            switch MatrixLibrary.shared {
            case .success(let library): (library, nil)
            case .failure(let error): (nil, error.description)
            }
        blas = library.map { $0.name ?? $0.path }
        (blasPath, blasCore) = (library?.path, library?.core)
        oneDNN = OneDNN.shared.version
        oneDNNSizes = OneDNN.shared.computesFloat32 ? OneDNN.float32Sizes : nil
        packsWeights = Precision.packsWeights
        bfloat16Obstacle = OneDNN.shared.obstacle
        hasBFloat16 = pn_processor_has_bfloat16()
        memory = ProcessInfo.processInfo.physicalMemory
    }

    /// Which kernels of OpenBLAS run, why, and which it would have chosen by itself, for a person; nil for other libraries.
    ///
    /// OpenBLAS's own choice is found out in another process, which takes some milliseconds.
    public var kernelChoice: String? { library?.choiceText }

    /// Where products run below what the processor has, or something that is not known computes them: one sentence that says so
    /// and what to do.
    public var warning: String? { library?.warning }

    /// The name in /proc/cpuinfo. Virtual machines often give one without a number, which family and model then tell apart.
    private static func processorName() -> String {
        guard let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8) else { return "unknown" }
        func value(_ key: String) -> String? {
            text.split(separator: "\n").first { $0.prefix { $0 != ":" }.trimmingCharacters(in: .whitespaces) == key }
                .flatMap { $0.split(separator: ":").last?.trimmingCharacters(in: .whitespaces) }
        }
        guard let name = value("model name") else { return "unknown" }
        guard !name.contains(where: \.isNumber), let family = value("cpu family"), let model = value("model") else {
            return name
        }
        return "\(name) (family \(family), model \(model))"
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
