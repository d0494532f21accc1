import PixNerdImages
import PixNerdSampling
import PixNerdSpaces

extension SampleRequest {
    /// What the picture is that a model is shown.
    enum ControlKind: String, CaseIterable {
        case photograph, picture
    }

    /// The picture that the model is shown, and how it acts.
    ///
    /// - Throws: `StudioFailure` that names a field which is not valid.
    func shown(_ inputs: InputStore, _ runs: RunList) throws -> ControlChoice {
        var choice = ControlChoice()
        choice.network = try controlNet.map { try runs.checkpoint(runs.reference($0)) }
        guard let control else {
            let given = [
                ("control_kind", controlKind != nil), ("edges", edges != nil),
                ("control_strength", controlStrength != nil), ("control_lower", controlLower != nil),
                ("control_upper", controlUpper != nil),
            ]
            if let name = given.first(where: \.1)?.0 {
                throw StudioFailure.invalid("\(name) is given without control; give both.", parameter: name)
            }
            return choice
        }
        let path = try inputs.path(control, field: "control")
        switch try controlKind.map({ try Self.word("control_kind", $0) }) ?? ControlKind.photograph {
        case .photograph: choice.photographs = path
        case .picture: choice.pictures = path
        }
        choice.edges = try edges.map { try Self.word("edges", $0) }
        if choice.edges == .hed {
            throw StudioFailure.invalid(
                "edges is 'hed', which needs a network; find the edges with pixnerd encode control, and send them as they "
                    + "are, with control_kind 'picture'.", parameter: "edges")
        }
        if let controlStrength {
            guard controlStrength >= 0, controlStrength <= 100 else {
                throw StudioFailure.invalid(
                    "control_strength is \(controlStrength); it must be from 0 to 100.", parameter: "control_strength")
            }
            choice.strength = controlStrength
        }
        if let times = try Self.interval("control", controlLower, controlUpper) { choice.times = times[0]...times[1] }
        return choice
    }

    /// What the page lists of a picture that the model is shown.
    func controlSettings(_ choice: ControlChoice) -> [String: String] {
        guard control != nil else { return [:] }
        var listed = ["shown": choice.photographs == nil ? "a picture" : "a photograph"]
        if let edges { listed["edges"] = edges }
        if choice.strength != 1 { listed["control_strength"] = "\(choice.strength)" }
        if choice.times != 0...1 {
            listed["control_interval"] = "\(choice.times.lowerBound),\(choice.times.upperBound)"
        }
        return listed
    }
}
