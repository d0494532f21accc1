import PixNerdSupport

/// Command-line arguments in which `~` at the start of a path is the home directory. Shells replace it only where a
/// word begins with it, and not in quotes; `--out=~/a.png` reaches the program as it is.
enum PathArguments {
    /// Options whose values are not paths. The values of `--set` are read with the keys that they belong to.
    private static let withoutPath = ["--set", "--classes"]

    /// - Throws: `PixNerdError` naming the option if a home directory is not known.
    static func expanded(_ arguments: [String]) throws -> [String] {
        var option: String?
        return try arguments.map { argument in
            if argument.hasPrefix("--"), let sign = argument.firstIndex(of: "=") {
                option = nil
                let name = String(argument[..<sign])
                guard !withoutPath.contains(name) else { return argument }
                let value = String(argument[argument.index(after: sign)...])
                return "\(name)=\(try expandingHome(value, subject: "\(name)"))"
            }
            defer { option = argument.hasPrefix("--") ? argument : nil }
            guard !withoutPath.contains(option ?? "") else { return argument }
            return try expandingHome(argument, subject: option.map { "\($0)" } ?? "The argument")
        }
    }
}
