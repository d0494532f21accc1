import PixNerdDiffusion
import PixNerdTensors

extension Denoiser {
    /// The matrices of the transformer blocks of patches and of texts: of attention, MLP and modulation. What is one
    /// weight in a checkpoint is one matrix, such as queries, keys and values together.
    public var blockMatrices: [Parameter] {
        parameters.filter { parameter in
            parameter.value.shape.count == 2
                && (["blocks.", "text_refine_blocks.", "double_blocks.", "txt_preamble_blocks."].contains(
                    where: parameter.name.hasPrefix) || parameter.name.contains(".copied_block."))
                // The blocks of a field are numbered after those of the transformer.
                && !parameter.name.contains(".param_generator")
        }
    }
}
