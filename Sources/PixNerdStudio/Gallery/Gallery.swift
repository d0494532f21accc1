import Foundation
import PixNerdImages
import PixNerdSupport

/// The pictures that the studio made, in a folder: `ID.png` with its settings inside, and `ID.json`.
actor Gallery {
    private let folder: String
    /// Names of the pictures, oldest first; nil before the folder was listed.
    private var names: [String]?
    private var frames = FrameStore()

    init(folder: String) { self.folder = folder }

    /// A new name. Names sort by time.
    static func newName() -> String {
        let time = String(UInt64(Date().timeIntervalSince1970 * 1000), radix: 36)
        let random = String(UInt32.random(in: .min ... .max), radix: 36)
        return time + "-" + String(repeating: "0", count: max(0, 7 - random.count)) + random
    }

    private static func isName(_ text: String) -> Bool {
        (1...40).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "-")
            }
    }

    private func listed() -> [String] {
        if let names { return names }
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let found = files.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }.filter(Self.isName).sorted()
        names = found
        return found
    }

    /// Path of a picture that is in the gallery.
    private func path(_ name: String) throws -> String {
        guard Self.isName(name), listed().contains(name) else {
            throw StudioFailure.notFound("There is no picture '\(name.prefix(60))'.")
        }
        return "\(folder)/\(name)"
    }

    /// Adds a picture.
    ///
    /// - Parameter frames: What was predicted after each step, PNG files; empty for none.
    /// - Throws: `PixNerdError` if it cannot be written.
    func add(_ record: PictureRecord, png: [UInt8], frames: [[UInt8]]) throws {
        var names = listed()
        try makeFolder(folder)
        try AtomicFile.write(png, to: "\(folder)/\(record.id).png", isSynced: false)
        try AtomicFile.write(
            JSON.encoder(isPretty: true, snakeCase: true).encode(record), to: "\(folder)/\(record.id).json",
            isSynced: false)
        names.append(record.id)
        self.names = names
        self.frames.add(record.id, frames)
    }

    func record(_ name: String) throws -> PictureRecord {
        let path = try path(name)
        guard let data = FileManager.default.contents(atPath: "\(path).json"),
            var record = try? JSON.decoder(snakeCase: true).decode(PictureRecord.self, from: data)
        else { throw StudioFailure.notFound("The settings of the picture '\(name)' cannot be read.") }
        record.frames = frames.count(name)
        return record
    }

    func png(_ name: String) throws -> Data {
        guard let data = FileManager.default.contents(atPath: "\(try path(name)).png") else {
            throw StudioFailure.notFound("The picture '\(name)' is gone.")
        }
        return data
    }

    /// The picture predicted after a step, counted from 1.
    func frame(_ name: String, _ step: Int) throws -> [UInt8] {
        guard let frame = frames[name, step] else {
            throw StudioFailure.notFound("The picture '\(name)' has no frame \(step).")
        }
        return frame
    }

    /// Pictures, newest first.
    ///
    /// - Parameter before: Only those older than this one; nil for all.
    func page(before: String?, limit: Int) -> (records: [PictureRecord], hasMore: Bool) {
        let names = listed().reversed().filter { name in before.map { name < $0 } ?? true }
        return (names.prefix(limit).compactMap { try? record($0) }, names.count > limit)
    }

    func remove(_ name: String) throws {
        let path = try path(name)
        for ending in ["json", "png"] { unlink("\(path).\(ending)") }
        names?.removeAll { $0 == name }
        frames.remove(name)
    }
}

/// The predicted pictures of the newest jobs, in memory.
private struct FrameStore {
    /// Maximum number of bytes that are kept.
    private static let mostBytes = 128 << 20

    private var frames: [String: [[UInt8]]] = [:]
    private var order: [String] = []
    private var bytes = 0

    mutating func add(_ name: String, _ new: [[UInt8]]) {
        guard !new.isEmpty else { return }
        frames[name] = new
        order.append(name)
        bytes += new.reduce(0) { $0 + $1.count }
        while bytes > Self.mostBytes, let oldest = order.first { remove(oldest) }
    }

    mutating func remove(_ name: String) {
        bytes -= frames.removeValue(forKey: name)?.reduce(0) { $0 + $1.count } ?? 0
        order.removeAll { $0 == name }
    }

    func count(_ name: String) -> Int { frames[name]?.count ?? 0 }

    subscript(name: String, step: Int) -> [UInt8]? {
        guard let all = frames[name], all.indices.contains(step - 1) else { return nil }
        return all[step - 1]
    }
}
