import Foundation
import Synchronization

/// The end of a program that reads bytes of a mapped file which the file has lost since it was mapped.
///
/// The system answers such a read with SIGBUS. It cannot be checked for ahead, since weights are used in the mapping for
/// as long as a model lives.
package enum MappedFileFaults {
    /// Says a sentence within a signal handler: without allocating memory.
    package typealias Say = @convention(c) (_ sentence: UnsafePointer<CChar>) -> Void

    /// A mapping and what to say of it. The message is made ahead, as a signal handler cannot allocate memory.
    private struct Slot {
        var start: UInt = 0
        var end: UInt = 0
        var message: UnsafeMutablePointer<CChar>?
    }

    /// More mappings than a program has open; further ones are not told apart from other faults.
    private static let capacity = 4096
    // Written under `lock` only; the handler reads the slot of a mapping that its own thread has got to know.
    nonisolated(unsafe) private static let slots: UnsafeMutablePointer<Slot> = {
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: capacity)
        slots.initialize(repeating: Slot(), count: capacity)
        return slots
    }()
    private static let lock = NSLock()
    nonisolated(unsafe) private static var previous = sigaction()
    nonisolated(unsafe) private static var say: Say?
    /// Whether a thread is ending the process; others may read lost bytes at the same moment.
    private static let isEnding = Atomic(false)

    /// Ends the process with status 1 and a sentence, not with SIGBUS, when lost bytes of a mapped file are read. For
    /// programs; a library leaves signals alone.
    package static func endProgram(saying say: @escaping Say) {
        self.say = say
        // Made here and not in the handler.
        _ = (slots, isEnding.load(ordering: .relaxed))
        var action = sigaction()
        action.__sigaction_handler.sa_sigaction = { _, information, _ in
            let address = information?.pointee._sifields._sigfault.si_addr
            MappedFileFaults.handle(UInt(bitPattern: address))
        }
        action.sa_flags = SA_SIGINFO
        sigaction(SIGBUS, &action, &previous)
    }

    private static func handle(_ address: UInt) {
        for index in 0..<capacity {
            let slot = slots[index]
            guard slot.start <= address, address < slot.end, let message = slot.message else { continue }
            while isEnding.exchange(true, ordering: .relaxed) { pause() }
            say?(message)
            _exit(1)
        }
        // Another kind of fault: the instruction is repeated and answered as if nothing were installed.
        sigaction(SIGBUS, &previous, nil)
    }

    static func add(_ bytes: UnsafeRawBufferPointer, path: String) {
        lock.withLock {
            guard let index = (0..<capacity).first(where: { slots[$0].message == nil }) else { return }
            let start = UInt(bitPattern: bytes.baseAddress)
            let sentence =
                "\(printable(path)) was cut short while it was in use; write files that are in use under another "
                + "name and rename them.\n"
            slots[index] = Slot(start: start, end: start + UInt(bytes.count), message: strdup(sentence))
        }
    }

    static func remove(_ bytes: UnsafeRawBufferPointer) {
        lock.withLock {
            let start = UInt(bitPattern: bytes.baseAddress)
            guard let index = (0..<capacity).first(where: { slots[$0].start == start && slots[$0].message != nil })
            else { return }
            let message = slots[index].message
            slots[index] = Slot()
            free(message)
        }
    }
}
