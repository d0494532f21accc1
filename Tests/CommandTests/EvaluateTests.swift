import Foundation
import PixNerdCheckpoints
import PixNerdLayers
import PixNerdModels
import PixNerdTestSupport
import Testing

/// `pixnerd evaluate` on folders and arrays, with and without weights, and `pixnerd verify` of Inception.
@Suite struct EvaluateTests {
    /// Makes the datasets `real` and `generated`.
    private func preparePictures(_ place: Workplace) throws {
        for (name, seed) in [("real", "1"), ("generated", "2")] {
            try place.succeed(
                "dataset", "shapes", "--out", name, "--per-class", "2", "--size", "32", "--seed", seed)
        }
    }

    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private func measures(_ report: [String: Any]) throws -> [String: [String: Any]] {
        let list = try #require(report["measures"] as? [[String: Any]])
        return Dictionary(uniqueKeysWithValues: list.map { ($0["name"] as? String ?? "", $0) })
    }

    @Test func withoutWeightsPixelsAreMeasuredAndItSaysSo() throws {
        try Workplace.with { place in
            try preparePictures(place)
            let outcome = try place.succeed("evaluate", "real", "generated", "--bootstrap", "3")
            for needed in [
                "none: without --weights only texture is measured", "Sliced Wasserstein, 32 x 32", "Power spectrum",
                "Seams every 8 pixels", "32 x 32", "seed       0, 3 resamples", "real vs. real",
            ] {
                #expect(outcome.output.contains(needed), "\(needed) in \(outcome.output)")
            }
            #expect(!outcome.output.contains("FID"))
            let report = try json(place.succeed("evaluate", "real", "generated", "--json", "--patch", "4").output)
            let measures = try measures(report)
            #expect(Set(measures.keys) == ["swd_32x32", "swd_16x16", "swd", "spectrum", "seam_4"])
            #expect((measures["swd"]?["interval"] as? [Double])?.count == 2)
            #expect(measures["swd"]?["floor"] is Double)
            #expect(
                (report["real"] as? [String: Any])?["pictures"] as? Int == (report["generated"] as? [String: Any])?[
                    "pictures"] as? Int)
            // A second evaluation gives the same digits.
            #expect(
                try json(place.succeed("evaluate", "real", "generated", "--json", "--patch", "4").output)
                    as NSDictionary == report as NSDictionary)
        }
    }

    @Test func pairsAreMeasured() throws {
        try Workplace.with { place in
            try preparePictures(place)
            let found = try measures(
                json(place.succeed("evaluate", "real", "generated", "--pairs", "--json").output))
            let noise = try #require(found["psnr"]?["value"] as? Double)
            let similarity = try #require(found["ssim"]?["value"] as? Double)
            #expect((3..<40).contains(noise) && (-1..<1).contains(similarity))
        }
    }

    @Test func inceptionIsMeasuredAndItsStatisticsAreKept() throws {
        try Workplace.with { place in
            try preparePictures(place)
            try writeInception(to: place.path("inception.safetensors"))
            let weights = ["--weights", "inception.safetensors", "--limit", "4", "--bootstrap", "2", "--json"]
            let first = try json(
                place.succeed(["evaluate", "real", "generated", "--save-real", "real.npz"] + weights).output)
            let found = try measures(first)
            for name in ["fid", "sfid", "kid", "precision", "recall", "inception_score", "swd", "spectrum"] {
                #expect(found[name]?["value"] is Double, "\(name)")
            }
            let features = try #require(first["features"] as? [String: Any])
            #expect((features["network"] as? String)?.contains("torch-fidelity") == true)
            #expect((features["hash"] as? String)?.count == 32)
            let stored = try measures(json(place.succeed(["evaluate", "real.npz", "generated"] + weights).output))
            for name in ["fid", "sfid"] {
                #expect(stored[name]?["value"] as? Double == found[name]?["value"] as? Double)
            }
            let other = try json(
                place.succeed(["evaluate", "real", "generated", "--backend", "pytorch-fid"] + weights).output)
            #expect(
                (other["features"] as? [String: Any]).flatMap { $0["network"] as? String }?.contains("pytorch-fid")
                    == true)
            #expect(try measures(other)["fid"]?["value"] as? Double != found["fid"]?["value"] as? Double)
            try place.refuse(
                ["evaluate", "real", "generated", "--save-real", "real.npz"] + weights,
                naming: ["real.npz", "--overwrite"])
            try place.succeed(["evaluate", "real", "generated", "--save-real", "real.npz", "--overwrite"] + weights)

            // pixnerd verify recognizes the network.
            let reference = Fixtures.path("evaluation/inception-reference.safetensors")
            let agreed = try place.succeed("verify", "inception.safetensors", reference, "--tolerance", "1e-3")
            for name in ["pool", "logits", "logits_unbiased", "spatial"] {
                #expect(agreed.output.contains("\(name) (torch-fidelity)"))
            }
            #expect(agreed.output.hasSuffix("All 4 agree.\n"))
            let apart = try place.run(
                "verify", "inception.safetensors", reference, "--tolerance", "1e-3", "--backend", "pytorch-fid")
            #expect(apart.status == 1 && apart.output.contains("too far"))
        }
    }

    @Test func dinov2IsMeasured() throws {
        try Workplace.with { place in
            try preparePictures(place)
            let report = try json(
                place.succeed(
                    "evaluate", "real", "generated", "--features", "dinov2", "--weights",
                    Fixtures.path("dinov2/transformers"), "--json", "--bootstrap", "2"
                ).output)
            let found = try measures(report)
            #expect(found["fid"]?["title"] as? String == "Fréchet distance" && found["kid"] != nil)
            #expect(found["sfid"] == nil && found["inception_score"] == nil)
            #expect(
                (report["features"] as? [String: Any]).flatMap { $0["network"] as? String }?.contains("DINOv2") == true)
        }
    }

    @Test func whatCannotBeMeasuredIsRefused() throws {
        try Workplace.with { place in
            try preparePictures(place)
            try place.refuse("evaluate", "nothing", "generated", naming: ["nothing"])
            try place.refuse("evaluate", "real", "generated", "--size", "wide", naming: ["--size", "wide"])
            try place.refuse("evaluate", "real", "generated", "--size", "0", naming: ["--size"])
            try place.refuse("evaluate", "real", "generated", "--limit", "1", naming: ["--limit", "at least 2"])
            try place.refuse("evaluate", "real", "generated", "--features", "dinov2", naming: ["--weights"])
            try place.refuse("evaluate", "real", "generated", "--save-real", "x.npz", naming: ["x.npz", "--weights"])
            try place.refuse(
                "evaluate", "real", "generated", "--weights", Fixtures.path("pixnerd/tiny-checkpoint.safetensors"),
                naming: ["does not fit the model", "Conv2d_1a_3x3"])
            try place.refuse("evaluate", Fixtures.path("npz/unread-types.npz"), "real", naming: ["arr_0", "mu"])
            try place.refuse(
                "verify", Fixtures.path("pixnerd/tiny-checkpoint.safetensors"),
                Fixtures.path("evaluation/inception-reference.safetensors"), naming: ["Conv2d_1a_3x3"])
        }
    }
}
