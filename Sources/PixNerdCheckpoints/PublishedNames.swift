/// The name of a tensor without the prefixes that wrappers add, such as `module.` and `_orig_mod.`.
///
/// Wrappers may be nested, around the model or its parts: `module.denoiser._orig_mod.x` becomes `denoiser.x`. The
/// `_orig_mod.` that `torch.compile` adds to single blocks is removed too.
func publishedName(_ name: String) -> String {
    var rest = Substring(name)
    var role = ""
    while true {
        if let wrapper = ["module.", "_orig_mod."].first(where: { rest.hasPrefix($0) }) {
            rest = rest.dropFirst(wrapper.count)
        } else if role.isEmpty, let prefix = ["denoiser.", "ema_denoiser."].first(where: { rest.hasPrefix($0) }) {
            role = prefix
            rest = rest.dropFirst(prefix.count)
        } else {
            break
        }
    }
    guard rest.contains("._orig_mod.") else { return role + rest }
    return role
        + rest.split(separator: ".", omittingEmptySubsequences: false).filter { $0 != "_orig_mod" }
        .joined(separator: ".")
}
