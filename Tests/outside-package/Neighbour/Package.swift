// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Neighbour",
    products: [.library(name: "Neighbour", targets: ["Images", "Models", "Training"])],
    targets: [.target(name: "Images"), .target(name: "Models"), .target(name: "Training")],
    swiftLanguageModes: [.v6]
)
