/// The version of this package.
public enum PixNerdVersion {
    /// Semantic version of this release.
    public static let current = "0.2.0"
}
