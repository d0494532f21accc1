import Foundation
import Logging
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Training of autoencoders with a perceptual loss.
@Suite struct PerceptualTrainingTests {
    private static func ask(_ configuration: inout Configuration, _ file: String) {
        guard !file.isEmpty else { return }
        configuration.autoencoder.perceptual = Fixtures.path("perceptual/\(file)")
        configuration.autoencoder.perceptualWeight = 0.5
    }

    @Test func thePartIsLoggedAndARunResumes() throws {
        try TinyRuns.with { runs in
            let whole = try runs.trainAutoencoder("whole") { Self.ask(&$0, "lpips.pth") }
            #expect(whole.isFinished && whole.step == 6)
            for record in try runs.metrics(whole.run) {
                let (reconstruction, divergence, perceptual) = (
                    try #require(record.reconstruction), try #require(record.divergence),
                    try #require(record.perceptual)
                )
                #expect(perceptual > 0)
                let sum = reconstruction + 1e-3 * divergence / Double(3 * 16 * 16) + 0.5 * perceptual
                #expect(abs(record.loss - sum) < 1e-5)
            }
            try runs.trainAutoencoder("parts", stopAfter: 3) { Self.ask(&$0, "lpips.pth") }
            let resumed = try runs.trainAutoencoder("parts", resume: true) { Self.ask(&$0, "lpips.pth") }
            let (files, others) = (try runs.files(whole.run), try runs.files(resumed.run))
            #expect(files.keys == others.keys && files["raw.safetensors"] != nil)
            for (name, bytes) in files where name != "state.json" { #expect(bytes == others[name], "\(name)") }
            let state = String(decoding: try #require(files["state.json"]), as: UTF8.self)
            let distance = try PerceptualDistance(path: Fixtures.path("perceptual/lpips.pth"))
            #expect(state.contains("\"perceptual\":\"\(distance.fingerprint)\""))

            // Without that loss the weights differ, and it is not logged.
            let plain = try runs.trainAutoencoder("plain") { Self.ask(&$0, "") }
            #expect(try runs.metrics(plain.run).allSatisfy { $0.perceptual == nil && $0.reconstruction != nil })
            #expect(try runs.files(plain.run)["raw.safetensors"] != files["raw.safetensors"])
        }
    }

    @Test func anotherNetworkIsRefused() throws {
        try TinyRuns.with { runs in
            func refusal(_ name: String, resume: Bool = true, _ file: String, size: Int = 16) -> String {
                sentence {
                    try runs.trainAutoencoder(name, resume: resume) {
                        Self.ask(&$0, file)
                        $0.data.imageSize = ImageSize(size)
                    }
                }
            }
            let fingerprint = try PerceptualDistance(path: Fixtures.path("perceptual/lpips.pth")).fingerprint
            try runs.trainAutoencoder("run", stopAfter: 3) { Self.ask(&$0, "lpips.pth") }
            let other = refusal("run", "vgg.safetensors")
            expectSentence(other, naming: ["other weights", String(fingerprint.prefix(8)), "vgg.safetensors"])
            expectSentence(
                refusal("run", ""), naming: [String(fingerprint.prefix(8)), "autoencoder.perceptual is empty"])
            try runs.trainAutoencoder("plain", stopAfter: 3) { Self.ask(&$0, "") }
            expectSentence(refusal("plain", "lpips.pth"), naming: ["without a perceptual loss", "lpips.pth"])
            expectSentence(
                refusal("missing", resume: false, "absent.pth"),
                naming: ["autoencoder.perceptual", Fixtures.path("perceptual/absent.pth")])
            expectSentence(
                refusal("small", resume: false, "lpips.pth", size: 8), naming: ["data.image_size is 8", "16"])
        }
    }

    @Test func theSummaryNamesTheNetworkAndItsMemory() throws {
        try TinyRuns.with { runs in
            func trainer(_ name: String, _ file: String) throws -> Trainer {
                var configuration = runs.configuration(name)
                runs.makeAutoencoder(&configuration)
                Self.ask(&configuration, file)
                return try Trainer(configuration, resume: false, logger: Logger(label: "test"))
            }
            let summary = try trainer("with", "vgg.safetensors").summary
            #expect(summary.contains("perceptual VGG16 with") && summary.contains("equal channel weights"))
            #expect(try !trainer("without", "").summary.contains("perceptual"))
            let distance = try PerceptualDistance(path: Fixtures.path("perceptual/vgg.safetensors"))
            #expect(summary.contains(String(distance.fingerprint.prefix(8))))
        }
    }
}
