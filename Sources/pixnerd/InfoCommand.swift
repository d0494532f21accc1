import ArgumentParser
import Foundation
import Tensors

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Tells what the products run on: processor, instruction set, OpenBLAS and its kernels, threads.",
        discussion: """
              pixnerd info
            """)

    func run() {
        let machine = Machine()
        print(
            """
            processor        \(machine.processor)
            instruction set  \(machine.instructionSet)
            memory           \(String(format: "%.1f", Double(machine.memory) / 1e9)) GB
            threads          \(Threads.count)
            OpenBLAS         \(machine.blas)
            OpenBLAS core    \(machine.blasCore)
            """)
        if let warning = machine.warning { print("\n\(warning)") }
    }
}
