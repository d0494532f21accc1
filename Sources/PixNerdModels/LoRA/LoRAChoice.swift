import Foundation
import PixNerdSupport

/// A LoRA as a user names it: a path, perhaps with a strength behind a colon, such as `style.safetensors:0.8`.
public struct LoRAChoice: Sendable, Equatable {
    public let path: String
    public let strength: Float

    public init(path: String, strength: Float = 1) { (self.path, self.strength) = (path, strength) }

    /// - Throws: `PixNerdError` if the strength is no number.
    public init(text: String) throws {
        // A path may have colons of its own.
        guard !FileManager.default.fileExists(atPath: text), let colon = text.lastIndex(of: ":"),
            !text[colon...].contains("/")
        else {
            self.init(path: text)
            return
        }
        let number = text[text.index(after: colon)...]
        guard let strength = Float(number), strength.isFinite else {
            throw PixNerdError(
                .invalidValue, "\(Setting.lora) \(text)", found: "has the strength '\(number)'",
                expected: "a number, such as 0.8")
        }
        self.init(path: String(text[..<colon]), strength: strength)
    }

    /// Reads the file.
    ///
    /// - Throws: `PixNerdError` if it cannot be read.
    public func load() throws -> AdapterUse { AdapterUse(try LoRAFile(path: path), strength: strength) }
}
