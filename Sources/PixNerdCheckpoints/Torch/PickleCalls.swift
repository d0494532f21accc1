/// The few known calls in a pickle. No function is run: the result is constructed directly.
extension Pickle {
    private static let dictionaries: Set<String> = [
        "collections.OrderedDict", "collections.defaultdict", "builtins.dict", "__builtin__.dict",
    ]
    private static let sequences: [String: PickleObject.Kind] = [
        "builtins.list": .list, "__builtin__.list": .list, "builtins.tuple": .tuple, "__builtin__.tuple": .tuple,
        "builtins.set": .set, "__builtin__.set": .set, "builtins.frozenset": .set, "__builtin__.frozenset": .set,
        "torch.Size": .tuple,
    ]
    private static let rebuilders: Set<String> = [
        "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3",
        "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
        "torch._tensor._rebuild_from_type_v2",
    ]
    /// Globals whose values are not needed: they are skipped without being reported.
    private static let harmless: Set<String> = [
        "torch.device", "torch.Tensor", "torch.nn.parameter.Parameter", "torch.serialization._get_layout",
        "torch.storage.UntypedStorage", "torch.storage._UntypedStorage", "torch.storage.TypedStorage", "_codecs.encode",
    ]

    /// Supported element types by storage class.
    private static let storageTypes: [String: ElementType] = [
        "torch.DoubleStorage": .float64, "torch.FloatStorage": .float32, "torch.HalfStorage": .float16,
        "torch.BFloat16Storage": .bfloat16, "torch.LongStorage": .int64, "torch.IntStorage": .int32,
        "torch.ShortStorage": .int16, "torch.CharStorage": .int8, "torch.ByteStorage": .uint8,
        "torch.BoolStorage": .bool,
    ]
    /// Bytes of an element by storage classes whose tensors cannot be read.
    private static let otherSizes = [
        "ComplexFloatStorage": 8, "ComplexDoubleStorage": 16, "QInt8Storage": 1, "QUInt8Storage": 1,
        "QInt32Storage": 4, "QUInt4x2Storage": 1, "QUInt2x4Storage": 1, "UntypedStorage": 1, "_UntypedStorage": 1,
    ]

    /// The bytes of an element of a storage; nil if its class is unknown.
    static func elementSize(ofStorage className: String) -> Int? {
        elementType(ofStorage: className)?.size
            ?? className.split(separator: ".").last.flatMap { otherSizes[String($0)] }
    }

    /// The element type of a storage's class; nil if it is not supported.
    static func elementType(ofStorage className: String) -> ElementType? {
        // PyTorch used to have a class per device.
        let start = "torch.cuda."
        return storageTypes[className.hasPrefix(start) ? "torch." + className.dropFirst(start.count) : className]
    }

    /// Supported element types by the name of their `torch.dtype`.
    static let elementTypes: [String: ElementType] = [
        "torch.float64": .float64, "torch.float32": .float32, "torch.float16": .float16, "torch.bfloat16": .bfloat16,
        "torch.int64": .int64, "torch.int32": .int32, "torch.int16": .int16, "torch.int8": .int8,
        "torch.uint8": .uint8, "torch.bool": .bool,
    ]
    /// Name prefixes of unsupported types, whose tensors are reported as unreadable.
    private static let otherTypes = ["torch.complex", "torch.uint", "torch.float8_", "torch.quint", "torch.qint"]

    static func isKnown(_ global: String) -> Bool {
        if dictionaries.contains(global) || rebuilders.contains(global) || harmless.contains(global) { return true }
        if sequences[global] != nil || elementTypes[global] != nil { return true }
        return global.hasPrefix("torch.") && global.hasSuffix("Storage") || otherTypes.contains { global.hasPrefix($0) }
    }

    /// The result of calling `global`.
    func result(of global: String, _ arguments: [PickleValue]) -> PickleObject.Result {
        if Self.dictionaries.contains(global) { return .object(dictionary(from: arguments)) }
        if let kind = Self.sequences[global] {
            return .object(PickleObject(kind: kind, items: arguments.first.flatMap(items) ?? []))
        }
        guard Self.rebuilders.contains(global) else { return .object(PickleObject(kind: .opaque(global))) }
        switch global {
        case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
            return arguments.first.map { .value($0) } ?? .object(PickleObject(kind: .opaque(global)))
        case "torch._tensor._rebuild_from_type_v2":
            guard arguments.count >= 3, let inner = object(arguments[0]), case .global(let name) = inner.kind,
                name != global, let innerArguments = items(arguments[2])
            else { return .object(PickleObject(kind: .opaque(global))) }
            return result(of: name, innerArguments)
        default:
            guard let tensor = rebuilt(arguments) else { return .object(PickleObject(kind: .opaque(global))) }
            return .tensor(tensor)
        }
    }

    /// The dictionary made from a list of pairs, which old Python passes to `OrderedDict`.
    private func dictionary(from arguments: [PickleValue]) -> PickleObject {
        var dictionary = PickleObject(kind: .dictionary)
        for pair in arguments.last.flatMap(items) ?? [] {
            guard let pair = items(pair), pair.count == 2 else { continue }
            dictionary.items += pair
        }
        return dictionary
    }

    /// The tensor made from (storage, offset, shape, strides, ...). An optional seventh argument is the element type.
    private func rebuilt(_ arguments: [PickleValue]) -> TorchTensor? {
        guard arguments.count >= 4, let object = object(arguments[0]), case .storage(let index) = object.kind,
            case .integer(let offset) = arguments[1], let shape = integers(arguments[2]),
            let strides = integers(arguments[3]), shape.count == strides.count
        else { return nil }
        var typeName: String?
        if arguments.count >= 7, let type = self.object(arguments[6]), case .global(let name) = type.kind {
            typeName = name
        }
        return TorchTensor(
            storage: storages[index], offset: offset, shape: shape, strides: strides, typeName: typeName)
    }
}

extension PickleObject {
    /// The result of a call.
    enum Result {
        /// A new object.
        case object(PickleObject)
        /// An existing value.
        case value(PickleValue)
        case tensor(TorchTensor)
    }
}
