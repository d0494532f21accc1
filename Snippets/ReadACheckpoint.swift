// Lists the tensors of a checkpoint and reads the first of them.

import PixNerdKit

// A .safetensors file, or a file of PyTorch's: nothing in a pickle is run.
let file = try TensorFile.open(path: "checkpoints/shapes/latest/ema.safetensors")
for name in file.names {
    print(name, file.shape(of: name) ?? [], file.elementType(of: name)?.rawValue ?? "?")
}
if let name = file.names.first {
    let tensor = try file.tensor(name)
    print(name, "has", tensor.count, "elements and begins with", tensor.values.prefix(4))
}
