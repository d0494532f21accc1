// swift-tools-version: 6.2
import PackageDescription

/// In continuous integration every warning of this package's own targets is an error.
let strict: [SwiftSetting] =
    Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)]

/// A Swift target of this package, under `Sources/<name>`.
func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// The tests of the module `PixNerd<name>`, under `Tests/<name>Tests`.
func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: "PixNerd\(name)"), "PixNerdTestSupport"] + dependencies,
        swiftSettings: strict)
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let memoryLogging = Target.Dependency.product(name: "InMemoryLogging", package: "swift-log")

let package = Package(
    name: "pixnerd",
    products: [
        .executable(name: "pixnerd", targets: ["pixnerd"]),
        .library(
            name: "PixNerdKit",
            targets: [
                "PixNerdTensors", "PixNerdDistributed", "PixNerdLayers", "PixNerdCheckpoints", "PixNerdImages",
                "PixNerdModels", "PixNerdDiffusion", "PixNerdSampling",
                "PixNerdTraining",
                "PixNerdEvaluation", "PixNerdComparison", "PixNerdBenchmarking",
            ]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    ],
    targets: [
        // Floor 0: C libraries and the inner loops in C.
        .systemLibrary(name: "CPixNerdPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(
            name: "CPixNerdTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
        .systemLibrary(name: "CPixNerdGIF", pkgConfig: "libgif", providers: [.apt(["libgif-dev"])]),
        .systemLibrary(name: "CPixNerdXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
        .systemLibrary(name: "CPixNerdZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"])]),
        .target(name: "CPixNerdBLAS", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "CPixNerdMPI", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "CPixNerdOneDNN"),
        .target(name: "CPixNerdKernels", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "CPixNerdPNGShim", dependencies: ["CPixNerdPNG"]),
        // Floor 1
        room("PixNerdTensors", ["CPixNerdBLAS", "CPixNerdOneDNN", "CPixNerdKernels", "CPixNerdXXHash"]),
        room("PixNerdDistributed", ["CPixNerdMPI", "CPixNerdKernels"]),
        // Floor 2
        room("PixNerdLayers", ["PixNerdDistributed", "PixNerdTensors"]),
        room("PixNerdCheckpoints", ["PixNerdTensors", "CPixNerdZip"]),
        room(
            "PixNerdImages",
            ["PixNerdTensors", "CPixNerdGIF", "CPixNerdKernels", "CPixNerdPNGShim", "CPixNerdTurboJPEG", logging]),
        // Floor 3
        room("PixNerdModels", ["PixNerdLayers", "PixNerdCheckpoints", "PixNerdTensors"]),
        room("PixNerdDiffusion", ["PixNerdImages", "PixNerdLayers", "PixNerdTensors"]),
        // Floor 4
        room(
            "PixNerdTraining",
            [
                "PixNerdCheckpoints", "PixNerdDistributed", "PixNerdDiffusion", "PixNerdImages", "PixNerdLayers",
                "PixNerdModels", "PixNerdTensors", logging,
                .product(name: "Yams", package: "Yams"),
            ]),
        room(
            "PixNerdEvaluation",
            [
                "CPixNerdBLAS", "CPixNerdKernels", "PixNerdCheckpoints", "PixNerdDistributed", "PixNerdDiffusion",
                "PixNerdImages", "PixNerdModels", "PixNerdTensors",
            ]),
        room(
            "PixNerdSampling",
            ["PixNerdCheckpoints", "PixNerdDistributed", "PixNerdDiffusion", "PixNerdImages", "PixNerdTensors"]),
        room(
            "PixNerdBenchmarking",
            ["PixNerdDistributed", "PixNerdDiffusion", "PixNerdLayers", "PixNerdModels", "PixNerdTensors"]),
        // Floor 5
        room(
            "PixNerdComparison",
            [
                "PixNerdCheckpoints", "PixNerdDiffusion", "PixNerdEvaluation", "PixNerdImages", "PixNerdModels",
                "PixNerdSampling", "PixNerdTensors", "PixNerdTraining",
                logging,
                .product(name: "Mustache", package: "swift-mustache"),
            ]),
        // Floor 6
        .executableTarget(
            name: "pixnerd",
            dependencies: [
                "PixNerdBenchmarking", "PixNerdCheckpoints", "PixNerdDistributed", "PixNerdDiffusion",
                "PixNerdEvaluation", "PixNerdImages", "PixNerdLayers", "PixNerdModels",
                "PixNerdComparison", "PixNerdSampling", "PixNerdTensors", "PixNerdTraining",
                logging, .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        // Tests
        .target(
            name: "PixNerdTestSupport", dependencies: ["PixNerdCheckpoints", "PixNerdTensors"],
            path: "Tests/PixNerdTestSupport",
            swiftSettings: strict),
        tests(of: "Tensors", ["CPixNerdKernels"]),
        tests(of: "Distributed"),
        tests(of: "Layers"),
        tests(of: "Checkpoints", ["PixNerdModels", "PixNerdTraining"]),
        tests(of: "Images"),
        tests(of: "Models"),
        tests(of: "Diffusion", ["PixNerdModels"]),
        tests(
            of: "Evaluation",
            ["PixNerdCheckpoints", "PixNerdDiffusion", "PixNerdImages", "PixNerdModels", "PixNerdTensors"]),
        tests(of: "Sampling", ["PixNerdCheckpoints", "PixNerdDiffusion", "PixNerdImages", "PixNerdTensors"]),
        tests(
            of: "Training",
            ["PixNerdDiffusion", "PixNerdImages", "PixNerdLayers", "PixNerdModels", logging, memoryLogging]),
        tests(
            of: "Comparison",
            ["PixNerdEvaluation", "PixNerdImages", "PixNerdModels", "PixNerdTraining", logging, memoryLogging]),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "pixnerd", "PixNerdCheckpoints", "PixNerdImages", "PixNerdLayers", "PixNerdModels", "PixNerdTensors",
                "PixNerdTestSupport",
            ],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu11
)
