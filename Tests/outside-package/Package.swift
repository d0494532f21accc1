// swift-tools-version: 6.2
import PackageDescription

// A program outside of the package that uses it as a library, beside modules whose names are as plain as can be.
let package = Package(
    name: "outside",
    dependencies: [
        .package(name: "pixnerd", path: "../.."),
        .package(path: "Neighbour"),
    ],
    targets: [
        .executableTarget(
            name: "outside",
            dependencies: [
                .product(name: "PixNerdKit", package: "pixnerd"),
                .product(name: "Neighbour", package: "Neighbour"),
            ])
    ],
    swiftLanguageModes: [.v6]
)
