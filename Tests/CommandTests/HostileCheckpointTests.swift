import Foundation
import PixNerdTestSupport
import Testing

/// Files that no program wrote in good faith, or that stand in the wrong place, are refused in a sentence and at once.
@Suite struct HostileCheckpointTests {
    private static func little(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    /// A `.safetensors` file of float32 tensors of zeros, whose shapes need not fit.
    private static func safetensors(_ tensors: [(name: String, shape: String, count: Int)]) -> Data {
        var (offset, entries) = (0, [String]())
        for tensor in tensors {
            let end = offset + 4 * tensor.count
            entries.append(
                "\"\(tensor.name)\":{\"dtype\":\"F32\",\"shape\":\(tensor.shape),"
                    + "\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        let header = Array("{\(entries.joined(separator: ","))}".utf8)
        return Data(little(header.count, 8) + header + [UInt8](repeating: 0, count: offset))
    }

    /// A zip file of one uncompressed entry; its checksum is not looked at.
    private static func zip(_ name: String, _ data: [UInt8]) -> Data {
        let common =
            little(20, 2) + little(0, 12) + little(data.count, 4) + little(data.count, 4) + little(name.utf8.count, 2)
            + little(0, 2)
        let file = little(0x0403_4b50, 4) + common + Array(name.utf8) + data
        let directory =
            little(0x0201_4b50, 4) + little(20, 2) + common + little(0, 10) + little(0, 4) + Array(name.utf8)
        let end =
            little(0x0605_4b50, 4) + little(0, 4) + little(1, 2) + little(1, 2) + little(directory.count, 4)
            + little(file.count, 4) + little(0, 2)
        return Data(file + directory + end)
    }

    private static func write(_ data: Data, to name: String, in place: Workplace) throws {
        try data.write(to: URL(fileURLWithPath: place.path(name)))
    }

    @Test func anArrayWhoseBytesOverflow() throws {
        try Workplace.with { place in
            let text = "{'descr': '<f8', 'fortran_order': False, 'shape': (\(Int.max / 8),), }\n"
            let array = [0x93] + Array("NUMPY".utf8) + [1, 0] + Self.little(text.utf8.count, 2) + Array(text.utf8)
            try Self.write(Self.zip("arr_0.npy", array), to: "a.npz", in: place)
            try place.refuse("evaluate", "a.npz", "a.npz", naming: ["a.npz", "shape"])
        }
    }

    @Test func aBlockWithTheLargestNumber() throws {
        try Workplace.with { place in
            let tensors = [
                ("s_embedder.proj.weight", "[8,12]", 96), ("y_embedder.embedding_table.weight", "[3,8]", 24),
                ("blocks.\(Int.max).attn.q_norm.weight", "[4]", 4),
            ]
            try Self.write(Self.safetensors(tensors), to: "m.safetensors", in: place)
            try place.refuse("sample", "m.safetensors", "--out", "o.png", naming: ["m.safetensors", "\(Int.max)"])
            try place.succeed("info", "m.safetensors")
            try place.succeed("convert", "m.safetensors", "o.safetensors")
        }
    }

    @Test func anEmptyTensorOfAnImpossibleShape() throws {
        try Workplace.with { place in
            let side = 1 << 62
            try Self.write(Self.safetensors([("y", "[0,\(side),\(side)]", 0)]), to: "r.safetensors", in: place)
            try place.refuse(
                "verify", Fixtures.path("pixnerd/tiny-checkpoint.safetensors"), "r.safetensors",
                naming: ["r.safetensors", "the shape of y"])
        }
    }

    @Test(arguments: ["4611686018427387904", "1e400", "10000000"])
    func aConfigurationWithImpossibleNumbers(number: String) throws {
        try Workplace.with { place in
            let source = Fixtures.path("autoencoder/sd")
            for key in ["latent_channels", "layers_per_block"] {
                try FileManager.default.copyItem(atPath: source, toPath: place.path(key))
                let path = place.path("\(key)/config.json")
                let text = try String(contentsOfFile: path, encoding: .utf8)
                let changed = text.replacing(try Regex("\"\(key)\": [0-9]+"), with: "\"\(key)\": \(number)")
                #expect(changed != text)
                try changed.write(toFile: path, atomically: true, encoding: .utf8)
                try place.refuse("info", key, naming: ["config.json", key])
            }
        }
    }

    @Test func pipesAreNoCheckpoints() throws {
        try Workplace.with { place in
            for name in ["m.safetensors", "s.npz"] { #expect(mkfifo(place.path(name), 0o600) == 0) }
            try place.refuse("info", "m.safetensors", naming: ["m.safetensors", "is not a file"])
            try place.refuse("sample", "m.safetensors", "--out", "o.png", naming: ["m.safetensors", "is not a file"])
            try place.refuse("evaluate", "s.npz", "s.npz", naming: ["s.npz", "is not a file"])
            try FileManager.default.copyItem(atPath: Fixtures.path("autoencoder/sd"), toPath: place.path("vae"))
            try FileManager.default.removeItem(atPath: place.path("vae/config.json"))
            #expect(mkfifo(place.path("vae/config.json"), 0o600) == 0)
            try place.refuse("info", "vae", naming: ["config.json", "is not a file"])
        }
    }

    @Test func otherModelsAreNamed() throws {
        try Workplace.with { place in
            let dit = [
                ("pos_embed", "[1,4,8]", 32), ("x_embedder.proj.weight", "[8,4,2,2]", 128),
                ("blocks.0.mlp.fc1.weight", "[32,8]", 256), ("final_layer.linear.weight", "[32,8]", 256),
                ("y_embedder.embedding_table.weight", "[11,8]", 88),
            ]
            try Self.write(Self.safetensors(dit), to: "dit.safetensors", in: place)
            try place.refuse(
                "sample", "dit.safetensors", "--out", "o.png", naming: ["not a PixNerd checkpoint", "DiT", "SiT"])
            let prefixed = [
                ("model.s_embedder.proj.weight", "[8,12]", 96), ("model.x_embedder.embedder.0.weight", "[8]", 8),
            ]
            try Self.write(Self.safetensors(prefixed), to: "p.safetensors", in: place)
            try place.refuse(
                "sample", "p.safetensors", "--out", "o.png", naming: ["not a PixNerd checkpoint", "model.", "PixNerd"])
        }
    }

    /// Whatever the moment at which it happens: before the weights are read, while they are used, or never.
    @Test func aCheckpointThatIsCutShortWhileItIsSampled() throws {
        try Workplace.with { place in
            let tiny = Fixtures.path("pixnerd/tiny-checkpoint.safetensors")
            try place.succeed("convert", tiny, "m.safetensors")
            let sampling = try place.start(
                "sampling",
                [
                    "sample", "m.safetensors", "--out", "pictures", "--count", "100000", "--size", "8", "--threads",
                    "2",
                ])
            while !place.exists("pictures"), sampling.isRunning { usleep(10_000) }
            #expect(truncate(place.path("m.safetensors"), 100) == 0)
            let outcome = try place.finish("sampling", sampling)
            #expect(outcome.isExit && outcome.status == 1, "\(outcome.status) \(outcome.errors)")
            #expect(outcome.errors.contains("m.safetensors was cut short"), "\(outcome.errors)")
        }
    }

    @Test func filesFromBeforePyTorch16AreRead() throws {
        try Workplace.with { place in
            let text = try place.succeed("info", Fixtures.path("torch/before-1.6.pt"), "--tensors").output
            #expect(text.contains("PyTorch before 1.6"), "\(text)")
        }
    }

    @Test func aFlippedBitIsNoticed() throws {
        try Workplace.with { place in
            let tiny = Fixtures.path("pixnerd/tiny-checkpoint.safetensors")
            try place.succeed("convert", tiny, "m.safetensors")
            let text = try place.succeed("info", "m.safetensors").output
            #expect(text.contains("as saved, by its fingerprint"), "\(text)")
            var bytes = try place.bytes("m.safetensors")
            bytes[bytes.count - 5] ^= 4
            try Self.write(bytes, to: "m.safetensors", in: place)
            try place.refuse("info", "m.safetensors", naming: ["m.safetensors", "is damaged", "fingerprint"])
            #expect(try place.succeed("info", tiny).output.contains("no fingerprint"))
        }
    }
}
