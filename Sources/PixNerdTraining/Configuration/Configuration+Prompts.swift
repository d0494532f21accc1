import PixNerdDiffusion
import PixNerdImages

extension Configuration {
    /// Captions from all over the data, to sample a run's model with; nil for a model of classes.
    ///
    /// - Parameter most: Largest number of captions.
    /// - Throws: `PixNerdError` if the captions cannot be read.
    package func captionPrompts(most: Int) throws -> [Prompt]? {
        guard let options = captionOptions else { return nil }
        let pictures = try ImageCollection.open(root: data.root, captions: options, labels: labelOptions)
        guard let captions = pictures.captions else { return nil }
        return pictures.evenPlaces(most).compactMap { captions[$0].first.map(Prompt.text) }
    }
}
