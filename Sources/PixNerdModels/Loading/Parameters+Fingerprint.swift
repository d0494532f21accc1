import PixNerdSupport
import PixNerdTensors

extension [Parameter] {
    /// A hash of the names and values of weights that were read off a file.
    ///
    /// - Parameter path: The file, for errors.
    /// - Throws: `PixNerdError` that names weights which are not finite.
    func finiteFingerprint(path: String) throws -> String {
        var hash = Fingerprint()
        for parameter in self {
            guard parameter.value.isFinite else {
                throw PixNerdError(
                    .notFinite, "\(path): the weights \(parameter.name)", found: "are not finite",
                    advice: "use another file")
            }
            hash.add(parameter.name)
            hash.add(parameter.value)
        }
        return hash.text
    }
}
