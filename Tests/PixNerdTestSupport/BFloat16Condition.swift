import PixNerdTensors
import Testing

extension Trait where Self == ConditionTrait {
    /// Runs a test only if bf16 is available.
    public static var whereBFloat16IsHad: Self {
        .enabled(if: Machine().bfloat16Obstacle == nil, "bf16 wants oneDNN and a processor that has it")
    }
}
