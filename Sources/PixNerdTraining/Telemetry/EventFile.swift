import Foundation

/// Writes a TensorBoard event file: each record is a length, its checksum, a message, and its checksum.
///
/// Only the few fields of `tensorflow.Event` and `tensorflow.Summary` that scalars and images need are written, by
/// hand, in the protocol buffers' wire format (tensorflow/core/util/event.proto, framework/summary.proto).
final class EventFile {
    private let file: AppendedFile

    /// Creates a new file in a directory; TensorBoard reads the files of a directory one after the other.
    ///
    /// - Parameters:
    ///   - time: seconds since 1970, part of the file's name.
    ///   - resumedStep: the step that a run resumes from; TensorBoard then drops later steps of earlier files.
    /// - Throws: `PixNerdError` if the file cannot be written.
    init(directory: String, time: Double, resumingAt resumedStep: Int?) throws {
        let name = "events.out.tfevents.\(Int(time)).\(ProcessInfo.processInfo.hostName).\(getpid())"
        file = try AppendedFile(path: "\(directory)/\(name)")
        try append(event(time: time, step: nil) { $0.field(3, text: "brain.Event:2") })
        if let resumedStep {
            // A session log with status START.
            try append(event(time: time, step: resumedStep + 1) { $0.field(7) { $0.field(1, integer: 1) } })
        }
    }

    /// Appends the scalars of a step.
    func write(scalars: [(tag: String, value: Double)], step: Int, time: Double) throws {
        try write(step: step, time: time) { summary in
            for (tag, value) in scalars {
                summary.field(1) { entry in
                    entry.field(1, text: tag)
                    entry.field(2, float: Float(value))
                }
            }
        }
    }

    /// Appends an image of a step.
    ///
    /// - Parameter png: the encoded image.
    func write(picture tag: String, png: [UInt8], width: Int, height: Int, step: Int, time: Double) throws {
        try write(step: step, time: time) { summary in
            summary.field(1) { value in
                value.field(1, text: tag)
                value.field(4) { image in
                    image.field(1, integer: height)
                    image.field(2, integer: width)
                    // Colorspace 3 is RGB.
                    image.field(3, integer: 3)
                    image.field(4, bytes: png)
                }
            }
        }
    }

    private func write(step: Int, time: Double, _ summary: (inout WireMessage) -> Void) throws {
        try append(event(time: time, step: step) { $0.field(5, summary) })
    }

    private func event(time: Double, step: Int?, _ content: (inout WireMessage) -> Void) -> [UInt8] {
        var message = WireMessage()
        message.field(1, double: time)
        if let step { message.field(2, integer: step) }
        content(&message)
        return message.bytes
    }

    private func append(_ message: [UInt8]) throws {
        let length = littleEndian(UInt64(message.count))
        try file.append(
            length + littleEndian(maskedChecksum(length)) + message + littleEndian(maskedChecksum(message)))
    }
}

/// A protocol buffers message, built field by field.
struct WireMessage {
    private(set) var bytes: [UInt8] = []

    mutating func field(_ number: Int, integer: Int) {
        tag(number, wireType: 0)
        variableLength(UInt64(bitPattern: Int64(integer)))
    }

    mutating func field(_ number: Int, double: Double) {
        tag(number, wireType: 1)
        bytes += littleEndian(double.bitPattern)
    }

    mutating func field(_ number: Int, float: Float) {
        tag(number, wireType: 5)
        bytes += littleEndian(float.bitPattern)
    }

    mutating func field(_ number: Int, bytes content: [UInt8]) {
        tag(number, wireType: 2)
        variableLength(UInt64(content.count))
        bytes += content
    }

    mutating func field(_ number: Int, text: String) { field(number, bytes: Array(text.utf8)) }

    /// Appends a nested message.
    mutating func field(_ number: Int, _ content: (inout WireMessage) -> Void) {
        var inner = WireMessage()
        content(&inner)
        field(number, bytes: inner.bytes)
    }

    private mutating func tag(_ number: Int, wireType: Int) { variableLength(UInt64(number << 3 | wireType)) }

    private mutating func variableLength(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }
}

private func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// CRC-32C (Castagnoli), rotated and offset as the record format requires.
func maskedChecksum(_ bytes: [UInt8]) -> UInt32 {
    let checksum = ~bytes.reduce(~UInt32(0)) { checksumTable[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
    return (checksum >> 15 | checksum << 17) &+ 0xa282_ead8
}

private let checksumTable: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
}
