import Logging
import PixNerdTraining

extension PixNerdCheckpoint {
    /// The weights that a command uses: those asked for, else the moving average, else what there is, saying so.
    func chosen(_ asked: WeightKind?, logger: Logger) -> WeightKind {
        if let asked { return asked }
        guard holds(.ema) else {
            logger.notice("\(path) holds no moving average (ema_denoiser.*); the raw weights are used.")
            return .raw
        }
        return .ema
    }
}
