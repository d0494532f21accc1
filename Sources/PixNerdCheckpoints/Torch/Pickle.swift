/// A value in a pickle. Containers and everything that was made by a call stand in `Pickle.objects`, so that values
/// may hold each other, and hold themselves, and are still freed without recursion.
enum PickleValue {
    case none
    case boolean(Bool)
    case integer(Int)
    case real(Double)
    case string(String)
    /// A place in `Pickle.objects`.
    case object(Int)
}

/// What stands at a place in `Pickle.objects`.
struct PickleObject {
    enum Kind {
        case list
        case tuple
        case set
        /// Keys and values stand in turn in the items.
        case dictionary
        /// A class or a function by its full name; nothing is done with it but to compare the name.
        case global(String)
        /// Something that was made by a global that is not known here, or bytes: it is skipped.
        case opaque(String)
        /// A place in `Pickle.storages`.
        case storage(Int)
        /// A place in `Pickle.tensors`.
        case tensor(Int)
    }

    var kind: Kind
    var items: [PickleValue] = []
}

/// The memory of a tensor: an entry of the zip file.
struct TorchStorage {
    /// The last part of the entry's name.
    let key: String
    /// The class, such as `torch.FloatStorage`.
    let className: String
    /// As many elements as the class has, or bytes where it is untyped.
    let count: Int
}

/// A view of a storage.
struct TorchTensor {
    let storage: TorchStorage
    /// In elements, as are the strides.
    let offset: Int
    let shape: [Int]
    let strides: [Int]
    /// The name of the element type where the storage's class does not say it, such as `torch.uint16`.
    let typeName: String?
}

/// A pickle that was read: values, without anything having been run.
struct Pickle {
    var objects: [PickleObject] = []
    var storages: [TorchStorage] = []
    var tensors: [TorchTensor] = []
    /// Globals that are not known, in the order in which they appear.
    var skippedGlobals: [String] = []
    var root = PickleValue.none

    func object(_ value: PickleValue) -> PickleObject? {
        guard case .object(let index) = value else { return nil }
        return objects[index]
    }

    /// The entries of a dictionary whose keys are strings, a later one of the same key in place of an earlier one.
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

    /// The items of a tuple or list.
    func items(_ value: PickleValue) -> [PickleValue]? {
        guard let object = object(value) else { return nil }
        switch object.kind {
        case .tuple, .list: return object.items
        default: return nil
        }
    }

    /// A tuple or list of whole numbers.
    func integers(_ value: PickleValue) -> [Int]? {
        guard let items = items(value), items.count <= 64 else { return nil }
        var numbers: [Int] = []
        for case .integer(let number) in items { numbers.append(number) }
        return numbers.count == items.count ? numbers : nil
    }
}
