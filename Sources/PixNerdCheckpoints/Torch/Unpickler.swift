import PixNerdSupport

/// Reads a pickle of protocol 2 to 5 without running anything.
///
/// A pickle is a program for a small stack machine. This one supports numbers, strings, containers and PyTorch's
/// tensors. Any other class or function is only a name: its result is skipped and the name reported. The format is
/// described in Python's `pickletools`.
struct Unpickler {
    /// Limits on a pickle. For comparison, PyTorch's for a thousand tensors has 200 KB and 10,000 objects.
    enum Limit {
        static let bytes = 1 << 28
        static let objects = 4_000_000
        static let values = 16_000_000
    }

    private var pickle = Pickle()
    private var reader: PickleReader
    private var stack: [PickleValue] = []
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    private var known: Set<String> = []
    private var values = 0

    /// Reads a pickle that makes up all of the bytes.
    ///
    /// - Parameters:
    ///   - origin: the subject of errors.
    ///   - place: the name of the pickle in errors.
    static func read(_ bytes: UnsafeRawBufferPointer, origin: String, place: String) throws -> Pickle {
        try checkSize(bytes.count, origin: origin)
        var position = 0
        return try read(bytes, from: &position, origin: origin, place: place)
    }

    /// Reads the pickle that begins at a position, which then becomes that of its end.
    static func read(
        _ bytes: UnsafeRawBufferPointer, from position: inout Int, origin: String, place: String
    ) throws -> Pickle {
        let most = UnsafeRawBufferPointer(rebasing: bytes.prefix(position + Limit.bytes))
        var unpickler = Unpickler(reader: PickleReader(most, from: position, origin: origin, place: place))
        try unpickler.run()
        position = unpickler.reader.position
        return unpickler.pickle
    }

    /// - Throws: `PixNerdError` whose subject is `origin` if a pickle has too many bytes.
    static func checkSize(_ count: Int, origin: String) throws {
        guard count <= Limit.bytes else {
            throw PixNerdError(
                .unsupported, "\(origin)", found: "has a pickle of \(count) bytes", expected: "at most \(Limit.bytes)",
                advice: "save only the state dict")
        }
    }

    private init(reader: PickleReader) { self.reader = reader }

    private mutating func run() throws {
        while true {
            let code = try reader.byte()
            if code == UInt8(ascii: ".") { break }
            guard let operation = PickleOperation(rawValue: code) else {
                throw reader.refuse("the pickle has the unknown instruction \(code)")
            }
            try perform(operation)
            guard stack.count <= Limit.objects, memo.count <= Limit.objects, pickle.objects.count <= Limit.objects,
                values <= Limit.values
            else {
                throw reader.refuse("it contains more objects than any checkpoint", advice: "save only the state dict")
            }
        }
        pickle.root = try pop()
    }

    private mutating func perform(_ operation: PickleOperation) throws {
        switch operation {
        case .protocolVersion:
            let version = try reader.byte()
            guard version <= 5 else {
                throw reader.refuse("it is a pickle of protocol \(version)", .unsupported, expected: "protocol 2 to 5")
            }
        case .frame: try reader.skip(8)
        case .none: stack.append(.none)
        case .newTrue: stack.append(.boolean(true))
        case .newFalse: stack.append(.boolean(false))
        case .integer1: stack.append(.integer(Int(try reader.byte())))
        case .integer2: stack.append(.integer(try reader.integer(UInt16.self)))
        case .integer4: stack.append(.integer(try reader.integer(Int32.self)))
        case .long1: try pushLong(Int(reader.byte()))
        case .long4: try pushLong(reader.integer(Int32.self))
        case .real: stack.append(.real(try reader.real()))
        case .shortString, .shortUnicode: stack.append(.string(try reader.string(Int(reader.byte()))))
        case .string: stack.append(.string(try reader.string(reader.integer(Int32.self))))
        case .unicode: stack.append(.string(try reader.string(reader.integer(UInt32.self))))
        case .unicode8: stack.append(.string(try reader.string(reader.integer(UInt64.self))))
        case .shortBytes: try pushBytes(Int(reader.byte()))
        case .bytes: try pushBytes(reader.integer(UInt32.self))
        case .bytes8, .byteArray: try pushBytes(reader.integer(UInt64.self))
        case .mark: marks.append(stack.count)
        case .pop: try drop()
        case .popMark: _ = try popToMark()
        case .duplicate: stack.append(try top())
        case .put1: memo[Int(try reader.byte())] = try top()
        case .put4: memo[try reader.integer(UInt32.self)] = try top()
        case .memoize: memo[memo.count] = try top()
        case .get1: try recall(Int(reader.byte()))
        case .get4: try recall(reader.integer(UInt32.self))
        case .emptyList: push(PickleObject(kind: .list))
        case .emptyTuple: push(PickleObject(kind: .tuple))
        case .emptyDictionary: push(PickleObject(kind: .dictionary))
        case .emptySet: push(PickleObject(kind: .set))
        case .tuple1: try pushTuple(1)
        case .tuple2: try pushTuple(2)
        case .tuple3: try pushTuple(3)
        case .tuple: push(PickleObject(kind: .tuple, items: try popToMark()))
        case .list: push(PickleObject(kind: .list, items: try popToMark()))
        case .dictionary: push(PickleObject(kind: .dictionary, items: try pairs(popToMark())))
        case .frozenSet: push(PickleObject(kind: .set, items: try popToMark()))
        case .append: try extend([pop()]) { if case .list = $0 { true } else { false } }
        case .appends: try extend(popToMark()) { if case .list = $0 { true } else { false } }
        case .addItems: try extend(popToMark()) { if case .set = $0 { true } else { false } }
        case .setItem: try setItem()
        case .setItems: try extend(pairs(popToMark())) { if case .dictionary = $0 { true } else { false } }
        case .global: pushGlobal("\(try reader.line()).\(try reader.line())")
        case .stackGlobal: try pushStackGlobal()
        case .reduce, .newObject:
            let arguments = try pop()
            try call(pop(), pickle.items(arguments) ?? [])
        case .newObjectWithKeywords:
            try drop()
            let arguments = try pop()
            try call(pop(), pickle.items(arguments) ?? [])
        case .object:
            let parts = try popToMark()
            guard let callable = parts.first else { throw reader.refuse("an object has no class") }
            try call(callable, Array(parts.dropFirst()))
        case .instance:
            let global = "\(try reader.line()).\(try reader.line())"
            let arguments = try popToMark()
            pushGlobal(global)
            try call(pop(), arguments)
        // Attributes, which no supported object has.
        case .build: try drop()
        case .persistentIdentifier: try pushStorage(pop())
        }
    }

    // The stack

    private func top() throws -> PickleValue {
        guard let value = stack.last, stack.count > marks.last ?? 0 else { throw reader.refuse("its stack runs empty") }
        return value
    }

    private mutating func pop() throws -> PickleValue {
        let value = try top()
        stack.removeLast()
        return value
    }

    private mutating func drop() throws { _ = try pop() }

    private mutating func popToMark() throws -> [PickleValue] {
        guard let mark = marks.popLast() else { throw reader.refuse("a mark is missing on its stack") }
        let items = Array(stack[mark...])
        stack.removeSubrange(mark...)
        return items
    }

    private mutating func push(_ object: PickleObject) {
        values += object.items.count
        stack.append(.object(pickle.objects.count))
        pickle.objects.append(object)
    }

    private mutating func pushTuple(_ count: Int) throws {
        guard stack.count - (marks.last ?? 0) >= count else { throw reader.refuse("its stack runs empty") }
        let items = Array(stack.suffix(count))
        stack.removeLast(count)
        push(PickleObject(kind: .tuple, items: items))
    }

    private func pairs(_ items: [PickleValue]) throws -> [PickleValue] {
        guard items.count % 2 == 0 else { throw reader.refuse("a key has no value") }
        return items
    }

    /// Adds items to the container on the stack. Items of a skipped object are ignored.
    private mutating func extend(_ items: [PickleValue], where fits: (PickleObject.Kind) -> Bool) throws {
        guard case .object(let index) = try top() else { throw reader.refuse("items are added to a plain value") }
        guard fits(pickle.objects[index].kind) else { return }
        values += items.count
        pickle.objects[index].items += items
    }

    private mutating func setItem() throws {
        let value = try pop()
        let key = try pop()
        try extend([key, value]) { if case .dictionary = $0 { true } else { false } }
    }

    private mutating func recall(_ place: Int) throws {
        guard let value = memo[place] else { throw reader.refuse("it recalls a value that it did not keep") }
        stack.append(value)
    }

    // Values

    private mutating func pushLong(_ count: Int) throws {
        guard count <= 8 else {
            try reader.skip(count)
            push(PickleObject(kind: .opaque("an integer of \(count) bytes")))
            return
        }
        stack.append(.integer(try reader.signed(count)))
    }

    private mutating func pushBytes(_ count: Int) throws {
        try reader.skip(count)
        push(PickleObject(kind: .opaque("bytes")))
    }

    private mutating func pushGlobal(_ name: String) {
        if !Pickle.isKnown(name), known.insert(name).inserted { pickle.skippedGlobals.append(name) }
        push(PickleObject(kind: .global(name)))
    }

    private mutating func pushStackGlobal() throws {
        guard case .string(let name) = try pop(), case .string(let module) = try pop() else {
            throw reader.refuse("the name of a global is not a string")
        }
        pushGlobal("\(module).\(name)")
    }

    private mutating func call(_ callable: PickleValue, _ arguments: [PickleValue]) throws {
        guard let object = pickle.object(callable) else { throw reader.refuse("it calls a plain value") }
        guard case .global(let name) = object.kind else {
            push(PickleObject(kind: .opaque("the result of a call")))
            return
        }
        switch pickle.result(of: name, arguments) {
        case .object(let object): push(object)
        case .value(let value): stack.append(value)
        case .tensor(let tensor):
            push(PickleObject(kind: .tensor(pickle.tensors.count)))
            pickle.tensors.append(tensor)
        }
    }

    /// Pushes what a persistent identifier refers to: ('storage', class, key, device, elements, part) or ('module',
    /// class, file, source), with which early versions of PyTorch saved the source code of a model.
    private mutating func pushStorage(_ identifier: PickleValue) throws {
        guard let parts = pickle.items(identifier), case .string(let kind)? = parts.first, parts.count > 1 else {
            throw strangeReference
        }
        if kind == "module" { return stack.append(parts[1]) }
        guard kind == "storage", parts.count >= 5, let type = pickle.object(parts[1]),
            case .global(let className) = type.kind, case .string(let key) = parts[2],
            case .integer(let count) = parts[4], count >= 0,
            let start = start(parts.count > 5 ? parts[5] : .none), start >= 0
        else { throw strangeReference }
        push(PickleObject(kind: .storage(pickle.storages.count)))
        pickle.storages.append(TorchStorage(key: key, className: className, count: count, start: start))
    }

    private var strangeReference: PixNerdError {
        reader.refuse("it refers to something outside the pickle that is not a tensor's storage")
    }

    /// The first element of a part of a storage, given as (key, first element, elements); 0 for a whole storage, nil for
    /// anything else.
    private func start(_ part: PickleValue) -> Int? {
        if case .none = part { return 0 }
        guard let items = pickle.items(part), items.count == 3, case .integer(let start) = items[1] else { return nil }
        return start
    }
}
