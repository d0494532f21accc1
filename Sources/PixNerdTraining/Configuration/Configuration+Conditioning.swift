import PixNerdModels
import PixNerdSupport

extension Configuration {
    /// Checks that what is said about captions by cross-attention fits the rest.
    ///
    /// - Throws: `PixNerdError` naming the key that does not fit.
    func checkConditioning() throws {
        func refuse(_ key: String, _ found: ErrorText, _ advice: ErrorText) -> PixNerdError {
            PixNerdError(.mismatch, "\(key)", found: found, advice: advice)
        }
        guard model.conditioning == .cross else {
            if model.modulation != .perBlock {
                throw refuse(
                    "model.modulation",
                    "is \(model.modulation.rawValue), and model.conditioning is \(model.conditioning.rawValue)",
                    "set model.conditioning to cross_attention, or remove model.modulation")
            }
            return
        }
        guard text.isOn else {
            throw refuse(
                "model.conditioning", "is cross_attention, and there are no captions: text.encoder is empty",
                "set text.encoder, or remove model.conditioning")
        }
        guard !text.encoder.isEmpty else {
            throw refuse(
                "model.conditioning",
                "is cross_attention, which reads a caption's own tokens, and text.cache does not say how many those are",
                "set text.encoder, too")
        }
        guard model.head == .field else {
            throw refuse("model.head", "is linear, and model.conditioning is cross_attention", "remove one of them")
        }
    }
}
