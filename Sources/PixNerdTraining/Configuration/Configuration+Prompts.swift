import PixNerdDiffusion
import PixNerdImages
import PixNerdModels

extension Configuration {
    /// Prompts to sample a run's model with: all of its classes; or, where captions, sets of classes or values are not
    /// to be listed, those of images from all over the data.
    ///
    /// - Parameters:
    ///   - conditioner: the conditioner of the model.
    ///   - most: Largest number of images.
    /// - Throws: `PixNerdError` if the data cannot be read.
    package func prompts(for conditioner: any Conditioner, most: Int) throws -> [Prompt] {
        guard conditioner.promptKind == .text || conditioner.takesSets || !conditioner.values.isEmpty else {
            return conditioner.allPrompts
        }
        let pictures = try pictures(root: data.root)
        return pictures.evenPlaces(most).compactMap { place in
            guard let captions = pictures.captions else { return pictures.prompt(of: place) }
            return captions[place].first.map(Prompt.text)
        }
    }
}

extension ImageCollection {
    /// The classes and values of an image.
    ///
    /// - Parameter image: an index into `samples`.
    func prompt(of image: Int) -> Prompt { .labels(labels(of: image)).with(values: values?[image] ?? []) }
}
