import ArgumentParser
import PixNerdSampling

/// The options of a picture that sampling begins with.
struct EditArguments: ParsableArguments {
    @Option(
        help: """
            A picture that sampling begins with (image to image), scaled to cover --size and cropped in the middle. \
            --strength says how far it is changed.
            """)
    var fromImage: String?

    @Option(
        help: """
            How far the picture is changed: 0 gives it back, 1 begins from noise alone. This share of --steps is taken \
            (default: 0.75, or 1 with --mask).
            """)
    var strength: Float?

    @Option(
        help: """
            A picture of the size of --from-image that is white where that is to be painted anew, and black where it stays as \
            it is, to the last bit (inpainting).
            """)
    var mask: String?

    @Option(
        help: """
            How often each step is taken again from fresh noise (RePaint), so that what is painted fits better to what stays; \
            each repetition takes as long as the steps themselves.
            """)
    var resample = 0

    func validate() throws {
        if fromImage == nil {
            let given = [("--mask", mask != nil), ("--strength", strength != nil), ("--resample", resample != 0)]
            if let name = given.first(where: \.1)?.0 {
                throw ValidationError("\(name) is given without a picture; give one with --from-image.")
            }
        }
        if let strength, !(0...1).contains(strength) {
            throw ValidationError("--strength is \(strength); it must be from 0 to 1.")
        }
        try expectOption("--resample", resample, in: 0...100)
        if resample > 0, mask == nil {
            throw ValidationError(
                "--resample fits what is painted to what stays; give --mask with it, or leave it out.")
        }
    }

    /// The files that are read.
    var inputs: [String?] { [fromImage, mask] }

    /// Copies these options to those of sampling.
    func apply(to options: inout SamplingOptions) {
        guard let fromImage else { return }
        var edit = EditOptions(image: fromImage, mask: mask)
        (edit.strength, edit.repetitions) = (strength, resample)
        options.edit = edit
    }
}
