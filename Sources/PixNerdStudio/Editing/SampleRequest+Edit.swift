import Foundation
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport

extension SampleRequest {
    /// Maximum number of repetitions of each step.
    static let mostRepetitions = 20

    /// The picture that the request begins with; nil for none.
    ///
    /// - Throws: `StudioFailure` that names a field which is not valid.
    func edit(_ inputs: InputStore) throws -> EditOptions? {
        let kind: EditOptions.MaskKind = try maskKind.map { try Self.word("mask_kind", $0) } ?? .white
        guard let image else {
            let given = [("mask", mask != nil), ("strength", strength != nil), ("resample", (resample ?? 0) != 0)]
            if let name = given.first(where: \.1)?.0 {
                throw StudioFailure.invalid("\(name) is given without image; give both.", parameter: name)
            }
            return nil
        }
        var edit = EditOptions(
            image: try inputs.path(image, field: "image"), mask: try mask.map { try inputs.path($0, field: "mask") })
        if let strength, !(0...1).contains(strength) {
            throw StudioFailure.invalid("strength is \(strength); it must be from 0 to 1.", parameter: "strength")
        }
        edit.strength = strength
        edit.maskKind = kind
        edit.repetitions = try within("resample", resample, 0...Self.mostRepetitions) ?? 0
        return edit
    }

    /// The images of the request with their noise leaning to that of another seed, where that is asked for.
    ///
    /// - Throws: `StudioFailure` that names a field which is not valid.
    func varied(_ requests: [PictureRequest]) throws -> [PictureRequest] {
        guard let share = variationStrength, share != 0 else { return requests }
        guard (0...1).contains(share) else {
            throw StudioFailure.invalid(
                "variation_strength is \(share); it must be from 0 to 1.", parameter: "variation_strength")
        }
        guard let variationSeed else {
            throw StudioFailure.invalid(
                "variation_strength is given without variation_seed; give both.", parameter: "variation_seed")
        }
        return requests.enumerated().map { place, request in
            var request = request
            request.blend = PictureRequest.Blend(
                request.prompt, seed: variationSeed &+ UInt64(place % seeds.count), share: share)
            return request
        }
    }

    /// What the page lists of an edit, and of a variation.
    func editSettings(_ edit: EditOptions?) -> [String: String] {
        var listed: [String: String] = [:]
        if let edit {
            listed["strength"] = "\(edit.usedStrength)"
            listed["begins_with"] = edit.mask == nil ? "a picture" : "a picture and its mask"
            if edit.repetitions > 0 { listed["resample"] = "\(edit.repetitions)" }
        }
        if let variationStrength, variationStrength != 0, let variationSeed {
            listed["variation"] = "\(variationStrength) towards seed \(variationSeed)"
        }
        return listed
    }

    /// An error of sampling in which pictures have the names of the request's fields, and not those of the files that keep
    /// them.
    func namingInputs(_ error: any Error, _ options: SamplingOptions) -> any Error {
        guard let error = error as? PixNerdError else { return error }
        let own = error.sentence(naming: RequestFields.name)
        let files = [
            ("mask", options.edit?.mask), ("image", options.edit?.image), ("control", options.control.pictures),
            ("control", options.control.photographs),
        ]
        var (sentence, parameter) = (own, nil as String?)
        for case (let field, let path?) in files {
            for text in [path, (path as NSString).lastPathComponent] where sentence.contains(text) {
                sentence = sentence.replacing("\(field) \(text)", with: field).replacing(text, with: field)
                parameter = field
            }
        }
        return parameter == nil ? error : StudioFailure.invalid(sentence, parameter: parameter)
    }
}
