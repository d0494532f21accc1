import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

extension Denoiser {
    /// This network as a denoiser that gives the velocity, which follows from what the network predicts.
    public func predicting(_ prediction: Prediction) -> any Denoiser {
        prediction.isPlain ? self : PredictingDenoiser(network: self, prediction: prediction)
    }
}

/// A network that predicts something else than the velocity of standard normal noise.
private struct PredictingDenoiser: Denoiser {
    let network: any Denoiser
    var prediction: Prediction

    var channels: Int { network.channels }
    var sizeMultiple: ImageSize { network.sizeMultiple }
    var parameters: [Parameter] { network.parameters }
    var constants: [Parameter] { network.constants }
    var noiseScale: Float { prediction.noiseScale }

    func timeShift(height: Int, width: Int) -> Float { network.timeShift(height: height, width: width) }

    func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
        prediction.velocity(network.velocity(x, times: times, condition: condition), of: x, times: times)
    }

    func sampled(until time: Float) -> PredictingDenoiser {
        var sampled = self
        sampled.prediction = prediction.sampled(until: time)
        return sampled
    }

    func predicted(_ velocity: Tensor, from x: Tensor, at time: Float) -> Tensor {
        prediction.data(velocity, from: x, at: time)
    }
}
