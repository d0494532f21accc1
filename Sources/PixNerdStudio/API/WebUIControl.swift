/// The pictures of AUTOMATIC1111's extension for ControlNets, under `alwayson_scripts`.
struct WebUIControl: Decodable {
    /// The fields that are used; others are ignored.
    struct Unit: Decodable {
        var enabled: Bool?
        var image: String?
        var inputImage: String?
        var module: String?
        var model: String?
        var weight: Float?
        var guidanceStart: Float?
        var guidanceEnd: Float?
    }

    struct Units: Decodable { var args: [Unit]? }

    var controlnet: Units?

    private static let field = "alwayson_scripts"

    /// Has the model shown the picture of the unit that is enabled, if there is one.
    ///
    /// - Throws: `StudioFailure` if there are several, or one is not valid.
    func add(to sample: inout SampleRequest, _ inputs: InputStore) throws {
        let units = (controlnet?.args ?? []).filter { $0.enabled != false && ($0.image ?? $0.inputImage) != nil }
        guard let unit = units.first, let image = unit.image ?? unit.inputImage else { return }
        guard units.count == 1 else {
            throw StudioFailure.invalid(
                "controlnet has \(units.count) units with pictures; give one.", parameter: Self.field)
        }
        sample.control = try inputs.add(base64: image, field: "image of controlnet")
        switch unit.module ?? "none" {
        case "none": sample.controlKind = SampleRequest.ControlKind.picture.rawValue
        case let module where ["canny", "soft"].contains(module): sample.edges = module
        case let module:
            throw StudioFailure.invalid(
                "The module of controlnet is '\(module.prefix(60))'; expected none, canny or soft.",
                parameter: Self.field)
        }
        if let model = unit.model, !["", "None"].contains(model) { sample.controlNet = model }
        (sample.controlStrength, sample.controlLower) = (unit.weight, unit.guidanceStart)
        sample.controlUpper = unit.guidanceEnd
    }
}
