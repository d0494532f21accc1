// swift-tools-version: 6.2
import PackageDescription

/// In continuous integration every warning of this package's own targets is an error.
let strict: [SwiftSetting] =
    Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)]

/// A Swift target of this package, under `Sources/<name>`.
func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

/// The tests of one room, under `Tests/<room>Tests`.
func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.byName(name: name), "TestSupport"] + dependencies,
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
                "Tensors", "Communication", "Layers", "Checkpoints", "Images", "Models", "Diffusion", "Sampling",
                "Training",
                "Evaluation", "Pipelines", "Benchmarking",
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
        .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(
            name: "CTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
        .systemLibrary(name: "CGIF", pkgConfig: "libgif", providers: [.apt(["libgif-dev"])]),
        .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
        .systemLibrary(name: "CZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"])]),
        .target(name: "CBLAS", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "CMPI", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "COneDNN"),
        .target(name: "CVectorKernels", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "CPNGShim", dependencies: ["CPNG"]),
        .target(name: "CImageKernels"),
        // Floor 1
        room("Tensors", ["CBLAS", "COneDNN", "CVectorKernels", "CXXHash"]),
        room("Communication", ["CMPI", "CVectorKernels"]),
        // Floor 2
        room("Layers", ["Communication", "Tensors"]),
        room("Checkpoints", ["Tensors", "CZip"]),
        room("Images", ["Tensors", "CGIF", "CImageKernels", "CPNGShim", "CTurboJPEG", logging]),
        // Floor 3
        room("Models", ["Layers", "Checkpoints", "Tensors"]),
        room("Diffusion", ["Images", "Layers", "Tensors"]),
        // Floor 4
        room(
            "Training",
            [
                "Checkpoints", "Communication", "Diffusion", "Images", "Layers", "Models", "Tensors", logging,
                .product(name: "Yams", package: "Yams"),
            ]),
        room(
            "Evaluation",
            ["CVectorKernels", "Checkpoints", "Communication", "Diffusion", "Images", "Models", "Tensors"]),
        room("Sampling", ["Checkpoints", "Communication", "Diffusion", "Images", "Tensors"]),
        room("Benchmarking", ["Communication", "Diffusion", "Layers", "Models", "Tensors"]),
        // Floor 5
        room(
            "Pipelines",
            [
                "Checkpoints", "Diffusion", "Evaluation", "Images", "Models", "Sampling", "Tensors", "Training",
                logging,
                .product(name: "Mustache", package: "swift-mustache"),
            ]),
        // Floor 6
        .executableTarget(
            name: "pixnerd",
            dependencies: [
                "Benchmarking", "Checkpoints", "Communication", "Diffusion", "Evaluation", "Images", "Layers", "Models",
                "Pipelines", "Sampling", "Tensors", "Training",
                logging, .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        // Tests
        .target(
            name: "TestSupport", dependencies: ["Checkpoints", "Tensors"], path: "Tests/TestSupport",
            swiftSettings: strict),
        tests(of: "Tensors", ["CVectorKernels"]),
        tests(of: "Communication"),
        tests(of: "Layers"),
        tests(of: "Checkpoints", ["Models", "Training"]),
        tests(of: "Images"),
        tests(of: "Models"),
        tests(of: "Diffusion", ["Models"]),
        tests(of: "Evaluation", ["Checkpoints", "Diffusion", "Images", "Models", "Tensors"]),
        tests(of: "Sampling", ["Checkpoints", "Diffusion", "Images", "Tensors"]),
        tests(of: "Training", ["Diffusion", "Images", "Layers", "Models", logging, memoryLogging]),
        tests(of: "Pipelines", ["Evaluation", "Images", "Models", "Training", logging, memoryLogging]),
        .testTarget(
            name: "CommandTests",
            dependencies: ["pixnerd", "Checkpoints", "Images", "Layers", "Models", "Tensors", "TestSupport"],
            swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu11
)
