import Foundation
import PixNerdSupport
import PixNerdTestSupport
import Testing

@testable import PixNerdStudio

/// The faults that were reported of such servers (the table in docs/studio.md), each of which is refused.
@Suite struct StudioGuardTests {
    private static let job = #"{"model": "tiny", "prompts": ["0"], "seeds": [1]}"#

    @Test func otherSitesPagesAreRefused() async throws {
        try await StudioPlace.with { place in
            for origin in ["null", "http://evil.example", "http://127.0.0.1:1", "http://localhost.evil.example"] {
                for (method, path) in [("POST", "/api/jobs"), ("GET", "/api/state"), ("POST", "/sdapi/v1/interrupt")] {
                    let answer = try await place.send(
                        method, path, headers: ["Origin": origin], json: method == "POST" ? Self.job : nil)
                    #expect(answer.status == 403, "\(origin) \(path)")
                    expectSentence(answer.message, naming: [origin])
                    #expect(answer.headers["access-control-allow-origin"] == nil)
                }
            }
            let own = try await place.send(
                "GET", "/api/state", headers: ["Origin": "http://127.0.0.1:\(place.port)"])
            #expect(own.status == 200)
            let silent = try await place.send(
                "POST", "/api/jobs", headers: ["Sec-Fetch-Site": "cross-site"], json: Self.job)
            #expect(silent.status == 403)
        }
    }

    @Test func listedOriginsMayCall() async throws {
        try await StudioPlace.with(origins: ["http://localhost:5001"]) { place in
            let headers = ["Origin": "http://localhost:5001"]
            let asked = try await place.send("OPTIONS", "/sdapi/v1/txt2img", headers: headers)
            #expect(asked.status == 204)
            #expect(asked.headers["access-control-allow-origin"] == "http://localhost:5001")
            let answer = try await place.send("GET", "/sdapi/v1/options", headers: headers)
            #expect(answer.status == 200)
            #expect(answer.headers["access-control-allow-origin"] == "http://localhost:5001")
            #expect(try await place.send("GET", "/api/state", headers: ["Origin": "null"]).status == 403)
        }
    }

    @Test func foreignNamesOfThisMachineAreRefused() async throws {
        try await StudioPlace.with(hosts: ["Studio.Local"]) { place in
            for host in ["evil.example", "evil.example:\(place.port)", "127.0.0.1.evil.example", "localhost.evil"] {
                let answer = try await place.send("GET", "/api/state", headers: ["Host": host])
                #expect(answer.status == 403, "\(host)")
            }
            let two = try await place.raw(
                Array(
                    "GET /api/state HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n".utf8
                ))
            #expect(two.status == 400)
            for host in ["localhost", "127.0.0.1:\(place.port)", "[::1]:\(place.port)", "studio.local:80"] {
                #expect(try await place.send("GET", "/api/state", headers: ["Host": host]).status == 200, "\(host)")
            }
        }
    }

    @Test func onlyJSONIsTaken() async throws {
        try await StudioPlace.with { place in
            for type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", ""] {
                let answer = try await place.send(
                    "POST", "/api/jobs", headers: ["Content-Type": type], json: Self.job)
                #expect(answer.status == 415, "\(type)")
            }
            let packed = try await place.send(
                "POST", "/api/jobs", headers: ["Content-Encoding": "gzip"], json: Self.job)
            #expect(packed.status == 415)
            let typed = try await place.send(
                "POST", "/api/jobs", headers: ["Content-Type": "application/json; charset=utf-8"], json: Self.job)
            #expect(typed.status == 202)
        }
    }

    @Test func otherMethodsAreNamed() async throws {
        try await StudioPlace.with { place in
            for (method, path, allowed) in [
                ("DELETE", "/api/state", "GET, HEAD, POST"), ("GET", "/v1/images/generations", "POST"),
                ("PUT", "/api/pictures/1", "DELETE, GET, HEAD"),
            ] {
                let answer = try await place.send(method, path)
                #expect(answer.status == 405 && answer.headers["allow"] == allowed, "\(method) \(path)")
                expectSentence(answer.message, naming: [method])
            }
            #expect(try await place.send("DELETE", "/api/nothing").status == 404)
        }
    }

    @Test func aTokenIsAskedForWhereOneIsSet() async throws {
        try await StudioPlace.with(token: "s3cret") { place in
            for (name, value) in [
                ("Authorization", ""), ("Authorization", "Bearer s3cre"), ("Authorization", "Bearer s3crets"),
                ("Authorization", "Bearer "), ("Authorization", "Basic czNjcmV0"), ("Cookie", "pixnerd_studio=wrong"),
            ] {
                for path in ["/api/state", "/v1/models", "/sdapi/v1/progress", "/api/pictures/1", "/api/events"] {
                    #expect(try await place.send("GET", path, headers: [name: value]).status == 401, "\(value) \(path)")
                }
            }
            let basic = Data("anyone:s3cret".utf8).base64EncodedString()
            for (name, value) in [
                ("Authorization", "Bearer s3cret"), ("Authorization", "Basic \(basic)"),
                ("Cookie", "pixnerd_studio=s3cret"),
            ] {
                #expect(try await place.send("GET", "/api/state", headers: [name: value]).status == 200, "\(value)")
            }
            // The page itself holds no secret, and gets its cookie for the token.
            #expect(try await place.send("GET", "/").status == 200)
            #expect(try await place.send("POST", "/api/session", json: #"{"token": "wrong"}"#).status == 401)
            let session = try await place.send("POST", "/api/session", json: #"{"token": "s3cret"}"#)
            #expect(session.status == 204)
            let cookie = try #require(session.headers["set-cookie"])
            #expect(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"))
        }
    }

    @Test func otherAddressesNeedAToken() throws {
        var options = StudioOptions(
            program: StudioProgram(name: "", executable: "", training: { _, _, _ in [] }, inspection: { _, _ in [] }))
        for address in ["0.0.0.0", "192.168.1.5", "::", "127.0.0.1.evil.example"] {
            options.address = address
            let error = #expect(throws: PixNerdError.self) { try Studio(options, logger: .init(label: "test")) }
            expectSentence(error?.description ?? "", naming: [address, "token"])
        }
        options.token = "secret"
        #expect(throws: Never.self) { try Studio(options, logger: .init(label: "test")) }
    }

    @Test func tokensAreComparedWhole() {
        let token = StudioToken("abc")
        #expect(token.equals("abc"))
        for other in ["", "a", "ab", "abd", "abca", "abcabc", "bbc", "\0abc"] { #expect(!token.equals(other)) }
    }

    @Test func pathsOfRequestsAreNeverOpened() async throws {
        try await StudioPlace.with { place in
            try "secret".write(toFile: "\(place.directory)/secret.png", atomically: true, encoding: .utf8)
            let names = [
                "../../secret", "..%2f..%2fsecret", "..%5C..%5Csecret", "..\\..\\secret", "%2e%2e/%2e%2e/secret",
                "....//secret", "/etc/passwd", "%00", "tiny/../../secret",
            ]
            for name in names {
                for path in [
                    "/api/pictures/\(name)", "/api/pictures/\(name)/record", "/api/runs/\(name)",
                    "/api/runs/tiny/previews/4/\(name)", "/api/datasets/\(name)/sheet", "/\(name)", "/\(name).png",
                ] {
                    let answer = try await place.send("GET", path.replacingOccurrences(of: " ", with: "%20"))
                    #expect((400..<500).contains(answer.status), "\(path): \(answer.status)")
                    #expect(!answer.text.contains("secret\n") && !answer.text.contains("root:"))
                }
                let json = try JSON.text(["model": name])
                let answer = try await place.send(
                    "POST", "/v1/images/generations", json: json.dropLast() + #","prompt":"0"}"#)
                #expect((400..<500).contains(answer.status), "\(name): \(answer.status)")
            }
        }
    }

    /// The gallery by itself, without the routes before it, which refuse most of this, too.
    @Test func picturesOutsideTheGalleryAreNotFound() async throws {
        try await StudioPlace.with { place in
            let directory = place.directory
            for name in ["secret.png", "secret.json", "kept/a_b.png", "kept/notes.png"] {
                let path = "\(directory)/\(name)"
                try FileManager.default.createDirectory(
                    atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
                try "secret".write(toFile: path, atomically: true, encoding: .utf8)
            }
            let gallery = Gallery(folder: "\(directory)/kept")
            for name in ["../secret", "a_b", "notes", "", "\(directory)/secret"] {
                await #expect(throws: StudioFailure.self, "\(name)") { try await gallery.png(name) }
                await #expect(throws: StudioFailure.self, "\(name)") { try await gallery.remove(name) }
            }
            #expect(FileManager.default.fileExists(atPath: "\(directory)/secret.png"))
        }
    }

    @Test func nothingLargeIsTaken() async throws {
        try await StudioPlace.with { place in
            let claimed = try await place.raw(
                Array(
                    """
                    POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r
                    Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{
                    """.utf8))
            #expect(claimed.status == 413)
            let chunk = String(repeating: " ", count: 1 << 16)
            let chunks = String(repeating: "10000\r\n\(chunk)\r\n", count: 20)
            let streamed = try await place.raw(
                Array(
                    """
                    POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r
                    Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n
                    """.utf8))
            #expect(streamed.status == 413)
            let long = String(repeating: "a", count: 200_000)
            let header = try await place.raw(Array("GET / HTTP/1.1\r\nHost: localhost\r\nX: \(long)\r\n\r\n".utf8))
            #expect(header.status == 400)
            for (field, value) in [
                ("size", "\"100000x100000\""), ("size", "\"2056x8\""), ("size", "\"2048x2048\""), ("steps", "100000"),
                ("seeds", "\(Array(0..<65))"),
                ("steps", "-1"), ("size", "\"0\""), ("guidance", "1e30"), ("order", "99"),
                ("sampler", "\"adams\", \"order\": 99"), ("shift", "0"), ("mask_kind", "\"grey\""),
            ] {
                let steps = value.contains("2048") ? ", \"steps\": 1000, \"seeds\": \(Array(0..<64))" : ""
                let seeds = field == "seeds" || !steps.isEmpty ? "" : ", \"seeds\": [1]"
                let json = #"{"model": "tiny", "prompts": ["0"], "\#(field)": \#(value)\#(steps)\#(seeds)}"#
                let answer = try await place.send("POST", "/api/jobs", json: json)
                #expect(answer.status == 400, "\(json.prefix(80))")
                #expect(!answer.message.isEmpty)
            }
        }
    }

    @Test func aFullQueueSaysWhenToComeBack() async throws {
        try await StudioPlace.with(queueLimit: 1) { place in
            let slow = #"{"model": "tiny", "prompts": ["0"], "seeds": [1], "size": "512x512", "steps": 1000}"#
            let first = try await place.send("POST", "/api/jobs", json: slow)
            #expect(first.status == 202)
            let second = try await place.send("POST", "/api/jobs", json: Self.job)
            #expect(second.status == 429)
            #expect(second.headers["retry-after"].flatMap { Int($0) } ?? 0 > 0)
            #expect(try await place.send("DELETE", "/api/jobs/\(place.job(first).id)").status == 204)
        }
    }
}
