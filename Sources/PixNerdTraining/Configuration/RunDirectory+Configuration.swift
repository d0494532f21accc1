import Foundation
import PixNerdCheckpoints
import PixNerdSupport

extension RunDirectory {
    /// Writes `config.yaml`.
    func writeConfiguration(_ configuration: Configuration) throws {
        try AtomicFile.write(Data(configuration.yaml.utf8), to: configurationPath)
    }
}
