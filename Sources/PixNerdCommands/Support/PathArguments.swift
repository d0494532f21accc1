import PixNerdSupport

/// Command-line arguments in which `~` at the start of a path is the home directory. Shells replace it only where a
/// word begins with it, and not in quotes; `--out=~/a.png` reaches the program as it is.
enum PathArguments {
    /// Options whose values are not paths. The values of `--set` are read with the keys that they belong to.
    private static let withoutPath = [
        "--set", "--classes", "--prompt", "--negative-prompt", "--caption-key", "--caption-template",
        "--label-key",
    ]
    /// Commands with the number of arguments that are paths; those behind them are texts.
    private static let paths = [TokenizeCommand.name: 1]
    /// Flags of these commands, which no value follows.
    private static let flags = ["--json"]

    /// - Throws: `PixNerdError` naming the option if a home directory is not known.
    static func expanded(_ arguments: [String]) throws -> [String] {
        var option: String?
        // The name of the command is the first argument.
        var paths = arguments.first.flatMap { Self.paths[$0] }.map { $0 + 1 } ?? .max
        return try arguments.map { argument in
            if argument.hasPrefix("--"), let sign = argument.firstIndex(of: "=") {
                option = nil
                let name = String(argument[..<sign])
                guard !withoutPath.contains(name) else { return argument }
                let value = String(argument[argument.index(after: sign)...])
                return "\(name)=\(try expandingHome(value, subject: "\(name)"))"
            }
            defer { option = argument.hasPrefix("--") && !flags.contains(argument) ? argument : nil }
            guard !withoutPath.contains(option ?? "") else { return argument }
            if option == nil, !argument.hasPrefix("--") { paths -= 1 }
            guard paths >= 0 else { return argument }
            return try expandingHome(argument, subject: option.map { "\($0)" } ?? "The argument")
        }
    }
}
