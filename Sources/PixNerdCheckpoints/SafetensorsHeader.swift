import Foundation
import PixNerdSupport

/// The header of a `.safetensors` file, validated before anything is allocated according to it.
struct SafetensorsHeader {
    var names: [String] = []
    /// The strings in `__metadata__` without the fingerprint.
    var metadata: [String: String] = [:]
    /// The fingerprint that was recorded when the file was saved; nil if there is none.
    var fingerprint: String?
    /// Bytes before the first tensor.
    var length = 0
    var entries: [String: SafetensorsFile.Entry] = [:]

    /// The name of the entry that is not a tensor.
    static let metadataKey = "__metadata__"
    /// The longest header that the format allows, in bytes.
    private static let longest = 100_000_000

    init(_ bytes: UnsafeRawBufferPointer, path: String) throws {
        func refuse(_ reason: String) -> PixNerdError {
            PixNerdError(.malformed, "\(path)", found: "is not a whole .safetensors file: \(reason)")
        }
        guard bytes.count >= 8 else { throw refuse("it has only \(bytes.count) bytes") }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard bytes.count >= 9, bytes[8] == UInt8(ascii: "{"), length >= 2, length <= UInt64(Self.longest) else {
            throw refuse("it does not begin with a header length and a JSON header")
        }
        let dataStart = 8 + Int(length)
        guard dataStart <= bytes.count else {
            throw refuse("its header should have \(length) bytes, but the file ends after \(bytes.count)")
        }
        self.length = dataStart
        let json = Data(bytes[8..<dataStart])
        guard let object = try? JSONSerialization.jsonObject(with: json) as? [String: Any] else {
            throw refuse("its header is not a JSON object")
        }
        for (name, value) in object {
            if name == Self.metadataKey {
                guard let strings = value as? [String: String] else {
                    throw refuse("its __metadata__ contains something other than strings")
                }
                metadata = strings
                fingerprint = metadata.removeValue(forKey: SafetensorsFingerprint.key)
                continue
            }
            entries[name] = try Self.entry(
                name, value, dataStart: dataStart, size: bytes.count, path: path, refuse)
        }
        try Self.checkCoverage(entries, from: dataStart, to: bytes.count, refuse)
        names = entries.sorted { ($0.value.start, $0.key) < ($1.value.start, $1.key) }.map(\.key)
    }

    private static func entry(
        _ name: String, _ value: Any, dataStart: Int, size: Int, path: String,
        _ refuse: (String) -> PixNerdError
    ) throws -> SafetensorsFile.Entry {
        guard let fields = value as? [String: Any], let typeName = fields["dtype"] as? String,
            let shape = fields["shape"] as? [Int], let offsets = fields["data_offsets"] as? [Int],
            offsets.count == 2
        else { throw refuse("the entry of \(name) lacks a dtype, a shape or two data_offsets") }
        guard let type = ElementType(rawValue: typeName) else {
            throw PixNerdError(
                .unsupported, "\(path):", found: "the tensor \(name) is of type '\(typeName)', which is not supported",
                advice: "convert it to F32, F16 or BF16")
        }
        guard let count = elementCount(shape) else { throw refuse("the shape of \(name), \(shape), is impossible") }
        guard offsets[0] >= 0, offsets[1] >= offsets[0], offsets[1] <= Int.max - dataStart,
            offsets[1] - offsets[0] == count * type.size
        else { throw refuse("the offsets \(offsets) of \(name) do not fit its shape \(shape) of \(typeName)") }
        guard dataStart + offsets[1] <= size else {
            throw refuse("it is cut short: \(name) ends at byte \(dataStart + offsets[1]) of \(size)")
        }
        return SafetensorsFile.Entry(type: type, shape: shape, start: dataStart + offsets[0], count: count)
    }

    /// Checks that the tensors are contiguous and fill the file, without overlaps, gaps or duplicate names.
    private static func checkCoverage(
        _ entries: [String: SafetensorsFile.Entry], from start: Int, to end: Int, _ refuse: (String) -> PixNerdError
    ) throws {
        var position = start
        for (name, entry) in entries.sorted(by: { $0.value.start < $1.value.start }) where entry.count > 0 {
            guard entry.start == position else {
                throw refuse("\(name) begins at byte \(entry.start) instead of \(position)")
            }
            position += entry.count * entry.type.size
        }
        guard position == end else {
            throw refuse("its tensors end at byte \(position) and the file at \(end)")
        }
    }
}
