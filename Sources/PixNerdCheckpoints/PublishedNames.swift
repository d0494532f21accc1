/// A tensor's name without what wrappers put in front of it, such as `module.` and `_orig_mod.`.
///
/// Wrappers may stand around each other, around the model and around its parts: `module.denoiser._orig_mod.x` is
/// `denoiser.x`. What `torch.compile` puts before the names of single blocks goes too.
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
