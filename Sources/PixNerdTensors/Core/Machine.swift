import CPixNerdKernels
import Foundation

/// The processor and the libraries that compute matmuls.
public struct Machine: Sendable {
    /// Name of the processor as the system reports it.
    public let processor: String
    /// Instruction set that the vector kernels use.
    public let instructionSet: String
    /// Reason why `PIXNERD_ISA` was not followed, in one sentence; nil if it was, or is not set.
    public let instructionSetProblem: String?
    /// Name and version of the BLAS library, or its path if it is not a known one; nil if there is none.
    public let blas: String?
    /// Path of the BLAS library.
    public let blasPath: String?
    /// Processor core whose kernels OpenBLAS runs, such as "SkylakeX"; nil for other libraries.
    public let blasCore: String?
    /// Reason why there is no BLAS library, in one sentence; nil if there is one.
    public let blasObstacle: String?
    /// Version of oneDNN; nil if it was not found.
    public let oneDNN: String?
    /// Sizes of the float32 matmuls that oneDNN computes, in multiply-adds; nil if it computes none.
    public let oneDNNSizes: ClosedRange<Int>?
    /// Whether this package's own kernels compute bf16 matmuls that need no gradient.
    public let packsWeights: Bool
    /// Whether bf16 matmuls run over the tiles of Intel AMX.
    public let usesTiles: Bool
    /// Whether matmuls in int8 can run.
    public let hasInt8: Bool
    /// Reason why tiles that the processor has are not used, in one clause; nil if there is none.
    public let tileProblem: String?
    /// Reason why bf16 matmuls are unavailable, in one sentence; nil if they are available.
    public let bfloat16Obstacle: String?
    /// Whether the processor has bf16 instructions, which oneDNN would use.
    public let hasBFloat16: Bool
    /// Memory of the machine in bytes.
    public let memory: UInt64
    private let library: MatrixLibrary?

    /// Describes this machine. Loads the BLAS library if this process has not done so yet.
    public init() {
        processor = Self.processorName()
        instructionSet = String(cString: pn_instruction_set())
        instructionSetProblem = pn_isa_problem().map { String(cString: $0) }
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
        usesTiles = TileProduct.isUsed
        hasInt8 = pn_kernels_have_int8()
        tileProblem = pn_tile_problem().map { String(cString: $0) }
        bfloat16Obstacle = OneDNN.shared.obstacle?.description
        hasBFloat16 = pn_processor_has_bfloat16()
        memory = ProcessInfo.processInfo.physicalMemory
    }

    /// Floating-point operations per second that the tile instruction allows on all threads, measured in some
    /// milliseconds; nil if it is not used.
    public func measuredTileRate() -> Double? { usesTiles ? TileProduct.instructionRate() : nil }

    /// Description of the OpenBLAS kernels in use, why, and which ones OpenBLAS would have chosen by itself; nil for
    /// other libraries.
    ///
    /// OpenBLAS's own choice is determined in another process, which takes some milliseconds.
    public var kernelChoice: String? { library?.choiceText }

    /// One sentence, with advice, if matmuls run slower than the processor allows or in an unknown library; otherwise
    /// nil.
    public var warning: String? { library?.warning }

    /// The processor's name in /proc/cpuinfo. Virtual machines often report a name without a number; family and model
    /// are then added.
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

/// Seconds that all threads of this process have computed so far.
public func processorSeconds() -> Double {
    var usage = rusage()
    // 0 is RUSAGE_SELF, which glibc declares as an enumeration that Swift does not convert.
    getrusage(0, &usage)
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + 1e-6 * Double(time.tv_usec) }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Peak resident memory of this process since its program started, in bytes.
public func peakResidentMemory() -> Int {
    // getrusage also counts the process that started this one.
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
