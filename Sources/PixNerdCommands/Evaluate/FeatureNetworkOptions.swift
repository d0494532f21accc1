import ArgumentParser
import PixNerdEvaluation
import PixNerdModels

/// Options for the network whose features of real and generated images are compared.
struct FeatureNetworkOptions: ParsableArguments {
    @Option(
        help: """
            Weights of the network whose features are compared: the .pth of Inception-v3 that pytorch-fid and \
            torch-fidelity publish, or DINOv2.
            """)
    var weights: String?

    @Option(help: "Network of --weights: inception or dinov2.")
    var features = FeatureNetwork.inception

    @Option(
        help: """
            Resizing to Inception's 299 x 299. torch-fidelity: as TensorFlow 1 and the ADM evaluation, which most \
            papers report. pytorch-fid: as PyTorch.
            """)
    var backend = InceptionInput.torchFidelity
}
