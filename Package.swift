// swift-tools-version: 6.2
import PackageDescription

/// In continuous integration every warning of this package's own targets is an error.
let strict: [SwiftSetting] =
    Context.environment["CI"] == nil ? [] : [.treatAllWarnings(as: .error)]

/// Modules of this package by their names without the prefix.
func prefixed(_ names: [String]) -> [Target.Dependency] { names.map { .byName(name: "PixNerd\($0)") } }

/// The module `PixNerd<name>`, under `Sources/PixNerd<name>`.
///
/// - Parameters:
///   - modules: modules of this package that it imports, without the prefix; docs/architecture.md says which it may.
///   - c: C targets that it imports.
///   - libraries: products of other packages.
///   - resources: files that it uses.
func module(
    _ name: String, _ modules: [String] = [], c: [String] = [], _ libraries: [Target.Dependency] = [],
    resources: [Resource]? = nil
) -> Target {
    .target(
        name: "PixNerd\(name)", dependencies: prefixed(modules) + c.map { .byName(name: $0) } + libraries,
        resources: resources, swiftSettings: strict)
}

/// The tests of the module `PixNerd<name>`, under `Tests/<name>Tests`.
func tests(of name: String, _ modules: [String] = [], _ others: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: prefixed([name, "TestSupport"] + modules) + others, swiftSettings: strict)
}

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let memoryLogging = Target.Dependency.product(name: "InMemoryLogging", package: "swift-log")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")

/// The scripts of the studio's page.
let studioScripts = [
    "api", "charts", "compare", "control", "curves", "data", "dom", "gallery", "heatmap", "jobs", "models", "page",
    "picture", "previews", "run", "sample", "start", "train", "viewer",
]

let package = Package(
    name: "pixnerd",
    products: [
        .executable(name: "pixnerd", targets: ["pixnerd"]),
        .executable(name: "pixnerd-studio", targets: ["pixnerd-studio"]),
        .library(name: "PixNerdKit", targets: ["PixNerdKit"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
        // Without its support of configuration files, which takes a newcomer's build a good part of a minute.
        .package(
            url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: ["FullFoundation"]),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
    ],
    targets: [
        // C libraries, and the inner loops in C
        .systemLibrary(name: "CPixNerdPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
        .systemLibrary(
            name: "CPixNerdTurboJPEG", pkgConfig: "libturbojpeg", providers: [.apt(["libturbojpeg0-dev"])]),
        .systemLibrary(name: "CPixNerdGIF", pkgConfig: "libgif", providers: [.apt(["libgif-dev"])]),
        .systemLibrary(name: "CPixNerdTIFF", pkgConfig: "libtiff-4", providers: [.apt(["libtiff-dev"])]),
        .systemLibrary(name: "CPixNerdWebP", pkgConfig: "libwebp", providers: [.apt(["libwebp-dev"])]),
        .systemLibrary(name: "CPixNerdXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
        .systemLibrary(name: "CPixNerdZip", pkgConfig: "libzip", providers: [.apt(["libzip-dev"])]),
        .target(name: "CPixNerdBLAS", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "CPixNerdMPI", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "CPixNerdOneDNN"),
        .target(name: "CPixNerdKernels", cSettings: [.define("_GNU_SOURCE")]),
        .target(name: "CPixNerdPNGShim", dependencies: ["CPixNerdPNG"]),
        .target(name: "CPixNerdTIFFShim", dependencies: ["CPixNerdTIFF"]),
        .target(name: "CPixNerdBMP"),
        // Files, text and errors; the numeric engine and processes
        module("Support", c: ["CPixNerdXXHash"]),
        module("Text", ["Support"]),
        module("Zip", ["Support"], c: ["CPixNerdZip"]),
        module("Tensors", ["Support"], c: ["CPixNerdBLAS", "CPixNerdKernels", "CPixNerdOneDNN"]),
        module("Distributed", ["Support"], c: ["CPixNerdKernels", "CPixNerdMPI"]),
        // Layers, file formats, images
        module("Layers", ["Tensors"]),
        module("Checkpoints", ["Support", "Tensors", "Zip"], c: ["CPixNerdZip"]),
        module(
            "Images", ["Checkpoints", "Support", "Tensors", "Zip"],
            c: [
                "CPixNerdBMP", "CPixNerdGIF", "CPixNerdKernels", "CPixNerdPNGShim", "CPixNerdTIFFShim",
                "CPixNerdTurboJPEG", "CPixNerdWebP",
            ], [logging]),
        // Optimization, and the mathematics of diffusion
        module("Optimization", ["Distributed", "Tensors"]),
        module("Diffusion", ["Layers", "Optimization", "Support", "Tensors"]),
        // Networks, and the spaces that diffusion happens in
        module("Models", ["Checkpoints", "Diffusion", "Layers", "Support", "Tensors", "Text"]),
        module("Spaces", ["Checkpoints", "Diffusion", "Images", "Layers", "Models", "Support", "Tensors"]),
        // What is done with them
        module("Precompute", ["Checkpoints", "Diffusion", "Images", "Models", "Spaces", "Support", "Tensors"]),
        module(
            "Sampling",
            [
                "Checkpoints", "Diffusion", "Distributed", "Images", "Models", "Spaces", "Support", "Tensors", "Text",
            ]),
        module(
            "Evaluation",
            ["Checkpoints", "Diffusion", "Distributed", "Images", "Models", "Spaces", "Support", "Tensors"],
            c: ["CPixNerdBLAS", "CPixNerdKernels"]),
        module(
            "Inspection",
            ["Checkpoints", "Diffusion", "Layers", "Models", "Optimization", "Spaces", "Support", "Tensors"]),
        module("Benchmarking", ["Diffusion", "Distributed", "Layers", "Models", "Optimization", "Support", "Tensors"]),
        module(
            "Training",
            [
                "Checkpoints", "Diffusion", "Distributed", "Evaluation", "Images", "Layers", "Models", "Optimization",
                "Precompute", "Sampling", "Spaces", "Support", "Tensors", "Text",
            ], [logging, yams]),
        module(
            "Comparison",
            [
                "Checkpoints", "Diffusion", "Evaluation", "Images", "Models", "Sampling", "Spaces", "Support",
                "Tensors", "Training",
            ], [logging, mustache],
            // In the program itself, so that it stays one file.
            resources: ["page.mustache", "cell.mustache", "grid.mustache", "page.css"].map {
                .embedInCode("Resources/\($0)")
            }),
        module(
            "FewPictures",
            [
                "Checkpoints", "Diffusion", "Evaluation", "Images", "Models", "Sampling", "Spaces", "Support",
                "Training",
            ]),
        module(
            "Tuning",
            [
                "Checkpoints", "Diffusion", "Evaluation", "Images", "Models", "Sampling", "Spaces", "Support",
                "Tensors", "Training",
            ], [logging]),
        module(
            "Studio",
            [
                "Checkpoints", "Diffusion", "Images", "Models", "Sampling", "Spaces", "Support", "Tensors", "Training",
            ],
            [
                logging, .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            resources: (["page.html", "page.css", "openapi.json"] + studioScripts.map { "\($0).js" }).map {
                .embedInCode("Resources/\($0)")
            }),
        // The library that others import, and the program
        module(
            "Kit",
            [
                "Checkpoints", "Diffusion", "Evaluation", "Images", "Inspection", "Layers", "Models", "Optimization",
                "Precompute", "Sampling", "Spaces", "Support", "Tensors", "Text", "Training",
            ]),
        module(
            "Commands",
            [
                "Benchmarking", "Checkpoints", "Comparison", "Diffusion", "Distributed", "Evaluation", "FewPictures",
                "Images", "Inspection", "Layers", "Models", "Optimization", "Precompute", "Sampling", "Spaces",
                "Support", "Tensors", "Text", "Training", "Tuning",
            ], [logging, .product(name: "ArgumentParser", package: "swift-argument-parser")]),
        .executableTarget(name: "pixnerd", dependencies: prefixed(["Commands"]), swiftSettings: strict),
        .executableTarget(
            name: "pixnerd-studio", dependencies: prefixed(["Commands", "Studio", "Support", "Training"]),
            swiftSettings: strict),
        // Tests
        .target(
            name: "PixNerdTestSupport", dependencies: prefixed(["Checkpoints", "Optimization", "Tensors"]),
            path: "Tests/PixNerdTestSupport", swiftSettings: strict),
        tests(of: "Tensors", ["Checkpoints", "Support"], ["CPixNerdKernels"]),
        tests(of: "Distributed"),
        tests(of: "Text", ["Support"]),
        tests(of: "Layers", ["Tensors"]),
        tests(of: "Optimization", ["Checkpoints", "Layers", "Tensors"]),
        tests(of: "Checkpoints", ["Models", "Support", "Tensors"]),
        tests(of: "Images", ["Checkpoints", "Diffusion", "Support", "Tensors"], [logging]),
        tests(of: "Models", ["Checkpoints", "Diffusion", "Layers", "Optimization", "Support", "Tensors"]),
        tests(of: "Spaces", ["Checkpoints", "Diffusion", "Images", "Layers", "Models", "Support", "Tensors"]),
        tests(of: "Sampling", ["Checkpoints", "Diffusion", "Images", "Models", "Spaces", "Support", "Tensors"]),
        tests(of: "Inspection", ["Checkpoints", "Layers", "Models", "Optimization", "Support", "Tensors"]),
        tests(of: "Evaluation", ["Checkpoints", "Diffusion", "Images", "Models", "Spaces", "Support", "Tensors"]),
        tests(
            of: "Training",
            [
                "Checkpoints", "Diffusion", "Images", "Inspection", "Layers", "Models", "Optimization", "Precompute",
                "Sampling", "Spaces", "Support", "Tensors",
            ], [logging, memoryLogging]),
        tests(of: "Tuning", ["Diffusion", "Images", "Sampling", "Support", "Training"], [logging, memoryLogging]),
        tests(
            of: "Studio", ["Diffusion", "Images", "Sampling", "Spaces", "Support", "Training"], [logging]),
        tests(of: "Comparison", ["Images", "Models", "Support", "Tensors", "Training"], [logging, memoryLogging]),
        .testTarget(
            name: "CommandTests",
            dependencies: prefixed([
                "TestSupport", "Checkpoints", "Diffusion", "Images", "Layers", "Models", "Support", "Tensors",
                "Training",
            ]) + ["PixNerdCommands", "pixnerd", "pixnerd-studio"], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu11
)
