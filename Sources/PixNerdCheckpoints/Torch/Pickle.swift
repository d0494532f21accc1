/// A value in a pickle.
///
/// Containers and the results of calls are in `Pickle.objects`, so that values can refer to each other, even in cycles,
/// and are freed without recursion.
enum PickleValue {
    case none
    case boolean(Bool)
    case integer(Int)
    case real(Double)
    case string(String)
    /// An index into `Pickle.objects`.
    case object(Int)
}

/// An entry of `Pickle.objects`.
struct PickleObject {
    enum Kind {
        case list
        case tuple
        case set
        /// The items are alternating keys and values.
        case dictionary
        /// A class or function, by its full name. The name is only ever compared.
        case global(String)
        /// The result of an unknown global, or bytes; it is skipped.
        case opaque(String)
        /// An index into `Pickle.storages`.
        case storage(Int)
        /// An index into `Pickle.tensors`.
        case tensor(Int)
    }

    var kind: Kind
    var items: [PickleValue] = []
}

/// The memory of a tensor, which stands in the file under a key.
struct TorchStorage {
    let key: String
    /// The class, such as `torch.FloatStorage`.
    let className: String
    /// The number of elements, or of bytes if the storage is untyped.
    let count: Int
    /// The index of the first element, where this is a part of a larger storage, as early versions of PyTorch saved it.
    let start: Int
}

/// A view of a storage.
struct TorchTensor {
    let storage: TorchStorage
    /// The index of the first element in the storage.
    let offset: Int
    let shape: [Int]
    /// Distances along each axis, in elements.
    let strides: [Int]
    /// The name of the element type if the storage's class does not determine it, such as `torch.uint16`.
    let typeName: String?
}

/// The values in a pickle, read without running anything.
struct Pickle {
    var objects: [PickleObject] = []
    var storages: [TorchStorage] = []
    var tensors: [TorchTensor] = []
    /// Unknown globals, in order of appearance.
    var skippedGlobals: [String] = []
    var root = PickleValue.none

    func object(_ value: PickleValue) -> PickleObject? {
        guard case .object(let index) = value else { return nil }
        return objects[index]
    }

    /// The entries of a dictionary that have string keys. For duplicate keys the last value counts.
    func dictionary(_ value: PickleValue) -> [(key: String, value: PickleValue)]? {
        guard let object = object(value), case .dictionary = object.kind else { return nil }
        var entries: [(key: String, value: PickleValue)] = []
        var places: [String: Int] = [:]
        for i in stride(from: 0, to: object.items.count - 1, by: 2) {
            guard case .string(let key) = object.items[i] else { continue }
            if let place = places[key] {
                entries[place].value = object.items[i + 1]
            } else {
                places[key] = entries.count
                entries.append((key, object.items[i + 1]))
            }
        }
        return entries
    }

    func tensor(_ value: PickleValue) -> TorchTensor? {
        guard let object = object(value), case .tensor(let index) = object.kind else { return nil }
        return tensors[index]
    }

    /// The items of a tuple or list; nil for other values.
    func items(_ value: PickleValue) -> [PickleValue]? {
        guard let object = object(value) else { return nil }
        switch object.kind {
        case .tuple, .list: return object.items
        default: return nil
        }
    }

    /// The values of a tuple or list of integers; nil for other values.
    func integers(_ value: PickleValue) -> [Int]? {
        guard let items = items(value), items.count <= 64 else { return nil }
        var numbers: [Int] = []
        for case .integer(let number) in items { numbers.append(number) }
        return numbers.count == items.count ? numbers : nil
    }
}
