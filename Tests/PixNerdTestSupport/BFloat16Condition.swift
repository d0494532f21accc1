import PixNerdTensors
import Testing

extension Trait where Self == ConditionTrait {
    /// Runs where bf16 can be had; without it there is only the refusal to test.
    public static var whereBFloat16IsHad: Self {
        .enabled(if: Machine().bfloat16Obstacle == nil, "bf16 wants oneDNN and a processor that has it")
    }
}
