import Foundation
import Logging
import PixNerdImages
import PixNerdSupport
import PixNerdTestSupport
import PixNerdTraining
import Synchronization
import Testing

@testable import PixNerdStudio

/// A studio on a free port of this machine, with one tiny run.
struct StudioPlace: Sendable {
    let directory: String
    let port: Int

    /// Starts a studio, and ends it after `body`.
    static func with<R: Sendable>(
        token: String? = nil, hosts: [String] = [], origins: [String] = [], queueLimit: Int = 16,
        _ body: @escaping @Sendable (StudioPlace) async throws -> R
    ) async throws -> R {
        let directory = NSTemporaryDirectory() + "studio-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try FileManager.default.createDirectory(atPath: "\(directory)/configs", withIntermediateDirectories: true)
        try train("tiny", in: directory)
        var options = StudioOptions(
            program: StudioProgram(
                name: "pixnerd test", executable: "/bin/false", training: { _, _, _ in [] },
                inspection: { _, _ in [] }))
        (options.checkpoints, options.datasets) = ("\(directory)/runs", directory)
        (options.configurations, options.port) = ("\(directory)/configs", 0)
        (options.token, options.hosts, options.origins, options.queueLimit) = (token, hosts, origins, queueLimit)
        let studio = try Studio(options, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let isOver = Flag()
        let (ports, found) = AsyncStream.makeStream(of: Int.self)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { found.finish() }
                try await studio.run(onReady: { found.yield($0) }, shouldStop: { isOver.isSet })
            }
            var iterator = ports.makeAsyncIterator()
            let port = try #require(await iterator.next(), "the server did not start")
            defer { isOver.set() }
            let result = try await body(StudioPlace(directory: directory, port: port))
            isOver.set()
            try await group.waitForAll()
            return result
        }
    }

    /// Trains a tiny run of the studio.
    func train(_ name: String, _ change: (inout Configuration) -> Void) throws {
        try Self.train(name, in: directory, change)
    }

    private static func train(
        _ name: String, in directory: String, _ change: (inout Configuration) -> Void = { _ in }
    ) throws {
        if isFolder("\(directory)/pictures") != true {
            try ShapesDataset.write(to: "\(directory)/pictures", imagesPerClass: 4, size: 16, seed: 5)
        }
        var tiny = Configuration()
        (tiny.name, tiny.directory, tiny.seed) = (name, "\(directory)/runs", 11)
        (tiny.model.hiddenSize, tiny.model.heads) = (16, 2)
        (tiny.model.blocks, tiny.model.conditionedBlocks, tiny.model.fieldWidth) = (3, 2, 8)
        (tiny.data.root, tiny.data.imageSize) = ("\(directory)/pictures", 16)
        (tiny.training.steps, tiny.training.batchSize, tiny.training.logEvery) = (4, 4, 1)
        (tiny.training.saveEvery, tiny.training.previewEvery) = (2, 4)
        (tiny.sampling.steps, tiny.sampling.classes, tiny.sampling.perClass) = (2, 2, 1)
        change(&tiny)
        let trainer = try Trainer(tiny, resume: false, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try trainer.train()
    }

    /// Sends a picture to the server, and returns its name there.
    func input(_ image: RGBImage) async throws -> String {
        let data = Data(try ImageFile.encodePNG(image)).base64EncodedString()
        let answer = try await send("POST", "/api/inputs", json: try JSON.text(["data": data]))
        return try #require(JSONDecoder().decode([String: String].self, from: Data(answer.body))["id"])
    }

    /// A job as the server describes it.
    struct Job: Decodable {
        let id: String
        let state: String
        let pictures: [String]
        let done: Int
        let total: Int
    }

    /// The job that an answer describes.
    func job(_ answer: Answer) throws -> Job {
        struct Jobs: Decodable { let job: Job }
        return try JSONDecoder().decode(Jobs.self, from: Data(answer.body)).job
    }

    /// The job that an answer describes, once it has ended.
    func finished(_ answer: Answer) async throws -> Job {
        var job = try job(answer)
        for _ in 0..<600 {
            if !["waiting", "running"].contains(job.state) { return job }
            try await Task.sleep(for: .milliseconds(50))
            job = try self.job(try await send("GET", "/api/jobs/\(job.id)"))
        }
        throw CancellationError()
    }

    /// The picture of a job that makes one.
    ///
    /// - Throws: `Refusal` if the server refuses the job.
    func made(_ json: String) async throws -> RGBImage {
        let answer = try await send("POST", "/api/jobs", json: json)
        guard answer.status == 202 else { throw Refusal(message: answer.message) }
        let picture = try await send("GET", "/api/pictures/\(try #require(finished(answer).pictures.first))")
        return try ImageFile.decode(picture.body, name: "picture")
    }

    /// What the server says of a request that it refuses.
    struct Refusal: Error {
        let message: String
    }

    /// Something that happens once.
    final class Flag: Sendable {
        private let state = Atomic<Bool>(false)
        func set() { state.store(true, ordering: .releasing) }
        var isSet: Bool { state.load(ordering: .acquiring) }
    }

    /// An answer of the server.
    struct Answer: Sendable {
        let status: Int
        let headers: [String: String]
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }

        /// The sentence of an error.
        var message: String {
            struct Body: Decodable {
                struct Failure: Decodable { let message: String }
                let error: Failure
            }
            return (try? JSONDecoder().decode(Body.self, from: Data(body)))?.error.message ?? ""
        }
    }

    /// Sends a request and waits for the answer.
    func send(
        _ method: String, _ path: String, headers: [String: String] = [:], json: String? = nil
    ) async throws -> Answer {
        var fields = ["Host": "127.0.0.1:\(port)", "Connection": "close"]
        if json != nil { fields["Content-Type"] = "application/json" }
        if let json { fields["Content-Length"] = "\(json.utf8.count)" }
        fields.merge(headers) { $1 }
        let head = fields.sorted { $0.key < $1.key }.filter { !$0.value.isEmpty }.map { "\($0.key): \($0.value)\r\n" }
        return try await raw(Array("\(method) \(path) HTTP/1.1\r\n\(head.joined())\r\n\(json ?? "")".utf8))
    }

    /// Sends bytes and reads until the server closes the connection.
    func raw(_ bytes: [UInt8], seconds: Int = 20) async throws -> Answer {
        let port = self.port
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try Self.exchange(bytes, port: port, seconds: seconds) })
            }
        }
    }

    private static func exchange(_ bytes: [UInt8], port: Int, seconds: Int) throws -> Answer {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(status == 0, "cannot connect to port \(port)")
        _ = bytes.withUnsafeBytes { Glibc.send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(socket, &part, part.count, 0)
            guard count > 0 else { break }
            all += part[0..<count]
        }
        return parsed(all)
    }

    private static func parsed(_ bytes: [UInt8]) -> Answer {
        let end = bytes.indices.first { bytes[$0...].starts(with: Array("\r\n\r\n".utf8)) } ?? bytes.count
        let lines = String(decoding: bytes[0..<end], as: UTF8.self).split(separator: "\r\n").map(String.init)
        let status = lines.first.flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) } ?? 0
        let headers = lines.dropFirst().compactMap { line -> (String, String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (line[..<colon].lowercased(), line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces))
        }
        return Answer(
            status: status, headers: Dictionary(headers) { $1 }, body: Array(bytes[min(end + 4, bytes.count)...]))
    }
}
