import Foundation
import PixNerdImages
import PixNerdSupport
import PixNerdTestSupport
import Testing

@testable import PixNerdStudio

/// Pictures that clients send, and the forms that they come in.
@Suite struct StudioEditingTests {
    private static let type = "multipart/form-data; boundary=\"-x-\""
    private static let form = Array(
        """
        ---x-\r
        Content-Disposition: form-data; name="image"; filename="a.png"\r
        Content-Type: image/png\r
        \r
        \u{1}\r
        --x\r
        \r
        ---x-\r
        content-disposition: form-data; name=prompt\r
        \r
        ring\r
        ---x-\r
        Content-Disposition: form-data; name="n"\r
        \r
        \r
        ---x---\r

        """.utf8)

    @Test func formsAreRead() throws {
        let form = try MultipartForm(Self.form, type: Self.type)
        #expect(form.parts.map(\.name) == ["image", "prompt", "n"])
        // What looks like a boundary and is none belongs to the file.
        #expect(try form.part("image", "image[]")?.bytes == Array("\u{1}\r\n--x\r\n".utf8))
        #expect(try form.text("prompt") == "ring" && form.text("n") == "" && form.text("mask") == nil)
        #expect(throws: StudioFailure.self) { try form.number("prompt", Int.self) }
    }

    @Test func brokenFormsAreRefused() throws {
        // All that is cut before the last boundary.
        for count in 0..<Self.form.count - 4 {
            #expect(throws: StudioFailure.self, "\(count)") {
                try MultipartForm(Array(Self.form.prefix(count)), type: Self.type)
            }
        }
        for type in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=y", ""] {
            #expect(throws: StudioFailure.self, "\(type)") { try MultipartForm(Self.form, type: type) }
        }
        let twice = String(decoding: Self.form, as: UTF8.self).replacing("prompt", with: "image")
        #expect(throws: StudioFailure.self) { try MultipartForm(Array(twice.utf8), type: Self.type).part("image") }
        let nameless = String(decoding: Self.form, as: UTF8.self).replacing("name=prompt", with: "kind=prompt")
        #expect(throws: StudioFailure.self) { try MultipartForm(Array(nameless.utf8), type: Self.type) }
        let many = Array(repeating: "\r\n--a\r\nContent-Disposition: form-data; name=b\r\n\r\n", count: 65).joined()
        #expect(throws: StudioFailure.self) {
            try MultipartForm(Array((many + "\r\n--a--").utf8), type: "multipart/form-data; boundary=a")
        }
    }

    @Test func picturesAreKeptUnderTheirFingerprint() throws {
        try withTemporaryDirectory { directory in
            let store = InputStore(folder: "\(directory)/inputs")
            let png = try ImageFile.encodePNG(RGBImage(width: 3, height: 2, fill: (1, 2, 3)))
            let name = try store.add(png, field: "image")
            #expect(
                try store.add(base64: "data:image/png;base64," + Data(png).base64EncodedString(), field: "x") == name)
            #expect(try ImageFile.read(store.path(name, field: "image")).width == 3)
            #expect(try Array(store.bytes(name)) == png)
            try "secret".write(toFile: "\(directory)/secret", atomically: true, encoding: .utf8)
            for name in ["../secret", "..%2fsecret", "", "secret", String(repeating: "0", count: 32), "/etc/passwd"] {
                #expect(throws: StudioFailure.self, "\(name)") { try store.path(name, field: "image") }
                #expect(throws: StudioFailure.self, "\(name)") { try store.bytes(name) }
            }
            for data in [[], Array("GIF".utf8), Array(png.prefix(20)), Array("http://127.0.0.1/x.png".utf8)] {
                let failure = #expect(throws: StudioFailure.self) { try store.add(data, field: "image") }
                expectSentence(failure?.message ?? "", naming: ["image"])
            }
            for text in ["", "!", "data:image/png;base64"] {
                #expect(throws: StudioFailure.self, "\(text)") { try store.add(base64: text, field: "image") }
            }
            for end in ["", "a", "ab", "abc"] {
                let address = "http://127.0.0.1/x\(end)"
                let failure = #expect(throws: StudioFailure.self) { try store.add(base64: address, field: "image") }
                #expect(failure?.message == "image is no image file in base64; addresses are not fetched.")
            }
            let strict = InputStore(folder: "\(directory)/inputs", mostPixels: 5)
            let failure = #expect(throws: StudioFailure.self) { try strict.add(png, field: "image") }
            expectSentence(failure?.message ?? "", naming: ["2 x 3", "at most 5"])
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(directory)/inputs") == [name])
        }
    }

    @Test func aPictureIsChangedAndFilled() async throws {
        try await StudioPlace.with { place in
            let picture = RGBImage(width: 16, height: 16, fill: (200, 40, 10))
            let half = RGBImage(
                width: 16, height: 16, pixels: (0..<256).flatMap { [UInt8](repeating: $0 % 16 < 8 ? 0 : 255, count: 3) }
            )
            let (image, mask) = (try await place.input(picture), try await place.input(half))
            func images(_ more: String) async throws -> [RGBImage] {
                struct Answer: Decodable { let images: [String] }
                let data = try await place.send("GET", "/api/inputs/\(image)").body
                let json = """
                    {"prompt": "0", "seed": 1, "steps": 3, "width": 16, "height": 16,
                    "init_images": ["\(Data(data).base64EncodedString())"]\(more)}
                    """
                let answer = try await place.send("POST", "/sdapi/v1/img2img", json: json)
                #expect(answer.status == 200, "\(answer.message)")
                return try JSONDecoder().decode(Answer.self, from: Data(answer.body)).images.map {
                    try ImageFile.decode(Array(Data(base64Encoded: $0) ?? Data()), name: "answer")
                }
            }
            #expect(try await images(#", "denoising_strength": 0"#) == [picture])
            let white = Data(try ImageFile.encodePNG(half)).base64EncodedString()
            let filled = try await images(#", "denoising_strength": 1, "mask": "\#(white)""#)[0]
            let kept = filled.pixels.indices.filter { filled.pixels[$0] == picture.pixels[$0] && $0 / 3 % 16 < 8 }
            #expect(kept.count == 16 * 8 * 3 && filled != picture)
            let wrong = try await place.send(
                "POST", "/api/jobs",
                json: #"{"model": "tiny", "prompts": ["0"], "seeds": [1], "mask": "\#(mask)"}"#)
            #expect(wrong.status == 400)
            expectSentence(wrong.message, naming: ["mask", "image"])
        }
    }
}
