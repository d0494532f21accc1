import Foundation
import PixNerdCheckpoints
import PixNerdInspection
import PixNerdModels
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// `pixnerd convert` and `pixnerd info` below the command line.
@Suite struct TorchConversionTests {
    /// PyTorch's rounding of numbers at the boundaries between rounding up and down.
    @Test(arguments: [(ElementType.float16, "float16"), (.bfloat16, "bfloat16")])
    func roundsToEven(type: ElementType, name: String) throws {
        try withTemporaryDirectory { directory in
            let source = try TensorFile.open(path: Fixtures.path("torch/rounding.pt"))
            var conversion = CheckpointConversion(type: type)
            try conversion.add(source)
            let result = try conversion.write(to: "\(directory)/out.safetensors", metadata: [:])
            let out = try TensorFile.open(path: "\(directory)/out.safetensors")
            let expected = try TensorFile.open(path: Fixtures.path("torch/rounding.pt.expected.safetensors"))
            #expect(out.elementType(of: "numbers") == type)
            let (found, wanted) = (try out.tensor("numbers").values, try expected.tensor(name).values)
            let numbers = try source.tensor("numbers").values
            for (index, number) in numbers.enumerated() where found[index].bitPattern != wanted[index].bitPattern {
                Issue.record("\(number) becomes \(found[index]) and in PyTorch \(wanted[index])")
            }
            let overflows = zip(numbers, wanted).filter { $0.0.isFinite && $0.1.isInfinite }.count
            #expect(overflows > 0)
            #expect(result.overflows.map(\.count) == [overflows])
        }
    }

    @Test func keepsTypesUnlessAsked() throws {
        try withTemporaryDirectory { directory in
            let source = try TensorFile.open(path: Fixtures.path("torch/types.pt"))
            for type in [nil, ElementType.bfloat16] {
                let path = "\(directory)/\(type?.rawValue ?? "own").safetensors"
                var conversion = CheckpointConversion(type: type)
                try conversion.add(source)
                let result = try conversion.write(to: path, metadata: ["epoch": "3"])
                let out = try TensorFile.open(path: path)
                #expect(result.tensors == source.names.count)
                #expect(out.metadata == ["epoch": "3", "format": "pt"])
                for name in source.names {
                    let own = try #require(source.elementType(of: name))
                    #expect(out.elementType(of: name) == (own.isFloatingPoint ? type ?? own : own), "\(name)")
                    #expect(out.shape(of: name) == source.shape(of: name))
                    guard type == nil || !own.isFloatingPoint else { continue }
                    #expect(try out.tensor(name).values == source.tensor(name).values, "\(name)")
                }
            }
        }
    }

    @Test func makesBareStateDictOfOneSet() throws {
        try withTemporaryDirectory { directory in
            let checkpoint = try DenoiserCheckpoint(path: Fixtures.path("pixnerd/tiny-checkpoint.safetensors"))
            let path = "\(directory)/ema.safetensors"
            _ = try checkpoint.conversion(.ema, type: nil).write(to: path, metadata: checkpoint.describedMetadata)
            let bare = try DenoiserCheckpoint(path: path)
            #expect(bare.isBare)
            let model = try #require(try bare.load(.raw) as? PixNerd)
            let expected = try checkpoint.load(.ema)
            for (a, b) in zip(model.parameters, expected.parameters) {
                #expect(a.name == b.name)
                #expect(a.value.values == b.value.values, "\(a.name)")
            }
            let json = try #require(bare.metadata["architecture"])
            #expect(try JSONDecoder().decode(PixNerdArchitecture.self, from: Data(json.utf8)) == model.architecture)
            // Converting what is bare gives it as it is.
            #expect(try !bare.conversion(.raw, type: nil).isEmpty)
        }
    }

    @Test func writesOverItsOwnInput() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/model.safetensors"
            try FileManager.default.copyItem(atPath: Fixtures.path("pixnerd/tiny-checkpoint.safetensors"), toPath: path)
            let before = try TensorFile.open(path: path)
            _ = try DenoiserCheckpoint(path: path).conversion(nil, type: .float32).write(to: path, metadata: [:])
            let after = try TensorFile.open(path: path)
            #expect(Set(before.names) == Set(after.names))
            for name in before.names {
                #expect(try before.tensor(name).values == after.tensor(name).values, "\(name)")
            }
        }
    }

    @Test func refusesWeightsThatAreNotThere() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/raw.safetensors"
            let file = try TensorFile.open(path: Fixtures.path("pixnerd/tiny-checkpoint.safetensors"))
            try SafetensorsWriter.write([("denoiser.x", try file.tensor(file.names[0]))], to: path)
            let error = try #require(throws: PixNerdError.self) {
                try DenoiserCheckpoint(path: path).conversion(.ema, type: nil)
            }
            #expect(error.description.contains("holds no ema weights"))
        }
    }

    @Test func stripsWrappersInSafetensorsToo() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/wrapped.safetensors"
            let file = try TensorFile.open(path: Fixtures.path("pixnerd/tiny-checkpoint.safetensors"))
            let tensors = try file.names.map { name in
                let split = try #require(name.firstIndex(of: "."))
                let wrapped = "module.\(name[..<split])._orig_mod.\(name[name.index(after: split)...])"
                return (name: wrapped, tensor: try file.tensor(name))
            }
            try SafetensorsWriter.write(tensors, to: path)
            _ = try DenoiserCheckpoint(path: path).load(.ema)
        }
    }

    @Test(arguments: ["pixnerd/tiny-checkpoint.safetensors", "torch/lightning.ckpt"])
    func summarises(name: String) throws {
        let checkpoint = try DenoiserCheckpoint(path: Fixtures.path(name))
        let model = try #require(try checkpoint.load(.ema) as? PixNerd)
        let summary = try CheckpointSummary(checkpoint, size: ImageSize(height: 8, width: 16))
        #expect(summary.weights.map(\.prefix) == ["ema_denoiser.", "denoiser."])
        let parameters = model.parameters.reduce(0) { $0 + $1.value.count }
        for weights in summary.weights {
            #expect(weights.architecture.map { model.architecture.isSame(as: $0) } == true)
            #expect(weights.problem == nil)
            #expect(weights.unexpected.isEmpty)
            #expect(weights.parameters == parameters)
        }
        let cost = try #require(summary.cost)
        #expect(cost.multiplyAdds == model.architecture.multiplyAdds(height: 8, width: 16))
        #expect(cost.flops == 2 * cost.multiplyAdds)
        #expect(summary.unknown.tensors == (name.hasPrefix("torch") ? ["diffusion_trainer.proj.0.0.weight"] : []))
        #expect(throws: PixNerdError.self) { try CheckpointSummary(checkpoint, size: ImageSize(height: 9, width: 16)) }
        #expect(throws: PixNerdError.self) { try CheckpointSummary(checkpoint, size: ImageSize(1 << 40)) }
    }

    @Test func summaryTellsWhatIsLeftOverAndMissing() throws {
        try withTemporaryDirectory { directory in
            let file = try TensorFile.open(path: Fixtures.path("pixnerd/tiny-checkpoint.safetensors"))
            let prefix = WeightKind.raw.prefix
            let names = file.names.filter { $0.hasPrefix(prefix) }
            let tensors = try names.map { (name: $0, tensor: try file.tensor($0)) }
            let path = "\(directory)/changed.safetensors"
            try SafetensorsWriter.write(tensors + [("denoiser.stranger", tensors[0].tensor)], to: path)
            let more = try CheckpointSummary(DenoiserCheckpoint(path: path), size: nil).weights[0]
            #expect(more.unexpected == ["stranger"])
            #expect(more.problem == nil)

            let norm = "denoiser.final_layer.norm.weight"
            try SafetensorsWriter.write(tensors.filter { $0.name != norm }, to: path)
            let less = try CheckpointSummary(DenoiserCheckpoint(path: path), size: nil)
            #expect(less.weights[0].missing == ["final_layer.norm.weight"])
            #expect(less.weights[0].problem != nil)
            #expect(less.cost == nil)
        }
    }
}
