import CPixNerdKernels

/// Processor cores that OpenBLAS has kernels for, under OpenBLAS's names, slowest first. There is one for each
/// instruction set that makes a difference.
enum OpenBLASCore: String, CaseIterable, Comparable, Sendable {
    /// SSE3.
    case prescott = "Prescott"
    /// SSE4.2.
    case nehalem = "Nehalem"
    case sandybridge = "Sandybridge"
    case haswell = "Haswell"
    case skylakeX = "SkylakeX"
    case cooperlake = "Cooperlake"

    /// The best core for this processor and operating system; nil to keep OpenBLAS's own choice, on x86-64 without
    /// AVX2, which every OpenBLAS knows, and on other architectures.
    static var best: OpenBLASCore? {
        if pn_processor_has_avx512() { return pn_processor_has_bfloat16() ? .cooperlake : .skylakeX }
        return pn_processor_has_avx2() ? .haswell : nil
    }

    /// The core of this list with the instruction set of the OpenBLAS core `name`. An unknown core is assumed to be
    /// newer than this program.
    init(named name: String) {
        self =
            switch name.uppercased() {
            case "SKYLAKEX": .skylakeX
            case "HASWELL", "ZEN": .haswell
            case "SANDYBRIDGE", "BULLDOZER", "PILEDRIVER", "STEAMROLLER", "EXCAVATOR": .sandybridge
            case "NEHALEM": .nehalem
            case "PRESCOTT", "CORE2", "PENRYN", "DUNNINGTON", "ATOM", "NANO", "OPTERON", "OPTERON_SSE3", "BARCELONA",
                "BOBCAT", "KATMAI", "COPPERMINE", "NORTHWOOD", "BANIAS", "ATHLON", "GENERIC":
                .prescott
            default: .cooperlake
            }
    }

    static func < (a: OpenBLASCore, b: OpenBLASCore) -> Bool {
        allCases.firstIndex(of: a)! < allCases.firstIndex(of: b)!
    }

    /// This core and all lower ones, fastest first.
    var ladder: [OpenBLASCore] { Self.allCases.reversed().filter { $0 <= self } }

    /// Name of the instruction set that the core needs.
    var instructions: String {
        switch self {
        case .prescott: "SSE3"
        case .nehalem: "SSE4.2"
        case .sandybridge: "AVX"
        case .haswell: "AVX2 and FMA"
        case .skylakeX: "AVX-512"
        case .cooperlake: "AVX-512 with BF16"
        }
    }

    /// Relative float32 matmul speed: multiply-adds per instruction, twice that with FMA.
    var width: Int {
        switch self {
        case .prescott, .nehalem: 4
        case .sandybridge: 8
        case .haswell: 16
        case .skylakeX, .cooperlake: 32
        }
    }
}
